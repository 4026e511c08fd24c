/**
 * Layouts of shared memory, declared once as tables.
 *
 * A layout is a list of fields; every field is a whole number of u32 words in host byte order. Offsets are a running sum
 * in words from the start of the block. Builder, reader, verifier, dump and the reference page use the same table.
 */

/** One field: its name, its size in words, and the sentence for the reference page. */
export type FieldRow = readonly [name: string, words: number, doc: string];

export interface Layout<Name extends string> {
  readonly title: string;
  readonly rows: readonly FieldRow[];
  /** offset of each field, in words from the start of the block */
  readonly at: Readonly<Record<Name, number>>;
  /** words of the fixed part; what follows it is described by the last row's sentence */
  readonly words: number;
}

export function layout<const Rows extends readonly FieldRow[]>(title: string, rows: Rows): Layout<Rows[number][0]> {
  const at: Record<string, number> = {};
  let words = 0;
  for (const [name, size] of rows) {
    if (name in at) throw new Error(`layout ${title}: field ${name} twice`);
    if (!Number.isInteger(size) || size < 0) throw new Error(`layout ${title}: size of ${name}`);
    at[name] = words;
    words += size;
  }
  return { title, rows, at: at as Record<Rows[number][0], number>, words };
}
