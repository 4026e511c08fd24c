import { quoteText } from '../../config/corefile/corefile-token.ts';
import { argumentFault, countFault, readOptions, readWord } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';
import { canonicalName } from '../../config/zone-name.ts';

export interface LogOptions {
  /** the first whose zone holds the name is used */
  readonly rules: readonly LogRule[];
}

export interface LogRule {
  /** canonical name */
  readonly zone: string;
  /** `{common}` and `{combined}` are already replaced */
  readonly format: string;
  readonly classes: readonly LogClass[];
}

const LOG_CLASSES = ['all', 'success', 'denial', 'error'] as const;
export type LogClass = (typeof LOG_CLASSES)[number];

const COMMON_FORMAT =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
const COMBINED_FORMAT = `${COMMON_FORMAT} "{>opcode}"`;

/** `log [NAME… [FORMAT]] { class CLASS… }`; several add up. */
export default definePlugin('log', (lines): LogOptions => {
  const rules: LogRule[] = [];
  for (const line of lines) {
    const last = line.arguments.at(-1);
    // A single argument is a name even if it looks like a format.
    const hasFormat = line.arguments.length > 1 && last?.text.includes('{') === true;
    const names = hasFormat ? line.arguments.slice(0, -1) : line.arguments;
    const format = hasFormat ? last.text : COMMON_FORMAT;
    const classes = new Set<LogClass>();
    readOptions(line, {
      class: (option) => {
        if (option.arguments.length === 0) throw countFault(option.name, 'class all|success|denial|error…');
        for (const token of option.arguments) classes.add(readWord(token, LOG_CLASSES, 'class'));
      },
    });
    const zones = names.map((token) => {
      const zone = canonicalName(token.text);
      if (zone === undefined) throw argumentFault(token, `${quoteText(token.text)} is no domain name`);
      return zone;
    });
    for (const zone of zones.length === 0 ? ['.'] : zones) {
      rules.push({
        zone,
        format: format.replaceAll('{common}', COMMON_FORMAT).replaceAll('{combined}', COMBINED_FORMAT),
        classes: classes.size === 0 ? ['all'] : [...classes],
      });
    }
  }
  return { rules };
});
