/** What the writers of a configuration's blocks share. */
import type { BlockTransaction } from './block-transaction.ts';
import type { PolicyDescription, RouteDescription } from './config-description.ts';
import type { WordWriter } from './entry-encoder.ts';

export interface WriterContext {
  readonly blocks: BlockTransaction;
  readonly writer: WordWriter;
  readonly hashSeed: number;
  /** every block written */
  readonly references: number[];
  /** blocks that several routes share, by what they are made of */
  readonly policies: Map<PolicyDescription, number>;
  readonly programs: Map<object, number>;
  /** Write a table of routes. @returns its reference */
  writeRoutes(routes: readonly RouteDescription[]): number;
}

/** A configuration may take the reserve: it is small and takes the place of another. */
export function takeWritten({ blocks, writer, references }: WriterContext): number {
  const block = blocks.take(writer.count, true);
  references.push(block);
  for (let index = 0; index < writer.count; index++) blocks.words[block * 2 + index] = writer.words[index]!;
  if (writer.count % 2 === 1) blocks.words[block * 2 + writer.count] = 0;
  return block;
}
