/**
 * The reference pages whose tables come from the code: `npm run docs` writes them, a test compares them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERROR_CODES } from '../src/base/skyshard-error.ts';
import * as bufferLayout from '../src/memory/buffer-layout.ts';
import type { Layout } from '../src/memory/layout.ts';
import { allMetricFamilies } from './metric-families.ts';
import * as snapshotLayout from '../src/snapshot/snapshot-layout.ts';

const metricFamilies = await allMetricFamilies();
const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Pages with one generated block each: between the two marks, all else is written by hand. */
export const PAGES: readonly { readonly file: string; readonly render: () => string }[] = [
  { file: 'docs/reference/errors.md', render: renderErrors },
  { file: 'docs/reference/metrics.md', render: renderMetrics },
  { file: 'docs/reference/snapshot-layout.md', render: renderSnapshotLayout },
];

const BLOCK = /<!-- generated: npm run docs -->\n[^]*?<!-- end -->/;

/** The page as it should be: what stands in the file, with a fresh block. */
export function renderPage(page: (typeof PAGES)[number]): { readonly found: string; readonly expected: string } {
  const found = readFileSync(path.join(ROOT, page.file), 'utf8');
  if (!BLOCK.test(found)) throw new Error(`${page.file} has no generated block`);
  const block = `<!-- generated: npm run docs -->\n\n${page.render()}\n<!-- end -->`;
  return { found, expected: found.replace(BLOCK, () => block) };
}

function renderErrors(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, sentence]) => [`\`${code}\``, sentence]);
  return renderTable(['Code', 'What it means'], rows);
}

function renderMetrics(): string {
  const rows = metricFamilies
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]);
  return renderTable(['Metric', 'Type', 'Labels', 'What it says'], rows);
}

/** Every layout table that the two layout files export, in the files' order. */
function renderSnapshotLayout(): string {
  const source = ['memory/buffer-layout.ts', 'snapshot/snapshot-layout.ts']
    .map((file) => readFileSync(path.join(ROOT, 'src', file), 'utf8'))
    .join('');
  const layouts = new Set([...Object.values(bufferLayout), ...Object.values(snapshotLayout)].filter(isLayout));
  return [...layouts]
    .sort((a, b) => source.indexOf(`layout('${a.title}'`) - source.indexOf(`layout('${b.title}'`))
    .map(renderLayout)
    .join('\n');
}

function renderLayout(layout: Layout<string>): string {
  const rows = layout.rows.map(([name, words, sentence]) => [
    String(layout.at[name]),
    words === 0 ? 'rest' : String(words),
    `\`${name}\``,
    sentence,
  ]);
  return `### ${layout.title}\n\n${renderTable(['Word', 'Words', 'Field', 'What it holds'], rows)}`;
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function isLayout(value: unknown): value is Layout<string> {
  return typeof value === 'object' && value !== null && 'rows' in value && 'title' in value && 'at' in value;
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  for (const page of PAGES) writeFileSync(path.join(ROOT, page.file), renderPage(page).expected);
}
