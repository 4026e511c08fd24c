import { refuseBraces, takeArgument } from '../../config/corefile/line-reader.ts';
import { definePlugin } from '../../config/corefile/plugin-definition.ts';

export interface RootOptions {
  /** absolute: where relative paths of the block's other plugins start */
  readonly directory: string;
}

/** `root PATH`; the last one counts. */
export default definePlugin('root', (lines, block): RootOptions => {
  for (const line of lines) {
    const token = takeArgument(line, 'root PATH');
    refuseBraces(line);
    block.rootDirectory = block.resolvePath(token.text);
    if (!block.files.exists(block.rootDirectory)) block.warn(token, `root path does not exist: ${block.rootDirectory}`);
  }
  return { directory: block.rootDirectory };
});
