import { readDuration } from '../../config/duration.ts';
import { quoteText } from '../../config/corefile/corefile-token.ts';
import { argumentFault, countFault, readOptions, takeArguments } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { readRegex } from '../../config/regex.ts';

export interface AutoOptions {
  /** canonical names: only zones below them are taken */
  readonly zones: readonly string[];
  /** absolute; null: nothing is loaded */
  readonly directory: string | null;
  /** RE2; a file whose name matches is a zone file */
  readonly pattern: string;
  /** the zone's name, `{N}` being a group of the pattern */
  readonly originTemplate: string;
  /** how often the directory is looked at; 0: never again */
  readonly reloadMs: number;
}

/** `auto [ZONES…] { directory DIR [REGEXP TEMPLATE]; reload DURATION }`; what is given last counts. */
export default definePlugin('auto', (lines, block): AutoOptions => {
  let zones: readonly string[] = [];
  let directory: string | null = null;
  let pattern = String.raw`db\.(.*)`;
  let originTemplate = '{1}';
  let reloadMs = 60_000;
  for (const line of lines) {
    zones = block.readZonesOrKeys(line.arguments);
    readOptions(line, {
      directory: (option) => {
        const [path, regex, template] = takeArguments(option, 1, 3, 'directory DIR [REGEXP TEMPLATE]');
        directory = block.resolvePath(path!.text);
        if (!block.files.exists(directory)) block.warn(path!, `Directory does not exist: ${directory}`);
        if (regex === undefined) return;
        const checked = readRegex(regex);
        if (checked.groupCount === 0) {
          throw argumentFault(regex, `Need at least one sub expression in ${quoteText(regex.text)}`);
        }
        if (template === undefined) throw countFault(regex, 'directory DIR [REGEXP TEMPLATE]');
        pattern = checked.pattern;
        originTemplate = template.text;
      },
      reload: (option) => {
        const [token] = option.arguments;
        if (token === undefined) throw argumentFault(option.name, 'reload duration value is expected');
        reloadMs = readDuration(token, 'reload');
      },
      upstream: () => undefined,
    });
  }
  return { zones, directory, pattern, originTemplate, reloadMs };
});
