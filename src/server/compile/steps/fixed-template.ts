/**
 * Templates that answer every name alike: no regex has to be run and no text put together for them, the records are
 * octets in the snapshot. What is not of this kind is evaluated for each query.
 */
import type { Template, TemplateNode } from '../../../config/template/template-tree.ts';
import { CLASS, RCODE, TYPE, typeName } from '../../../dns/iana.ts';
import { readOneRecord, ZoneFileFault, type ZoneRecord } from '../../../dns/records/record-text.ts';
import type { TemplateRule } from '../../../plugins/template/parse.ts';
import type { FixedAnswerStep } from '../../../snapshot/config-description.ts';

/** Patterns that match every absolute name (which has a dot at its end, and may be nothing but that). */
const MATCHES_EVERYTHING = /^(?:\^?\.[*+]\??\$?|\^?\.\*\??(?:\\\.|\[\.\])\$?|\^\.|\.\$?|(?:\\\.|\[\.\])\$?|\^|\$|)$/;

/** What a record without a TTL gets. */
const TTL_SECONDS_DEFAULT = 3600;
/** Stands for the question's name as the owner. */
const QUESTION_POINTER = Uint8Array.of(0xc0, 0x0c);
const SECTION_RECORDS_MAX = 1023;

/**
 * The answer of a template to every question of its type in its zones, which is the step of a route whose zone is one
 * of them or lies below.
 *
 * @returns undefined if the answer depends on the question, if its target has to be looked up, or if a record is none
 */
export function compileFixedTemplate(rule: TemplateRule): FixedAnswerStep | undefined {
  if (rule.qclass !== CLASS.IN && rule.qclass !== CLASS.ANY) return undefined;
  if (rule.variables.length > 0 || rule.expressions.length > 0) return undefined;
  if (!rule.patterns.some(matchesEverything)) return undefined;
  // Its text goes where there is room for it only when the answer is written for the query.
  if (rule.extendedError !== null && rule.extendedError.text !== '') return undefined;
  const isServfail = rule.rcode === RCODE.SERVFAIL;
  const answers = isServfail ? [] : renderSection(rule.answer, rule);
  const authorities = isServfail ? [] : renderSection(rule.authority, rule);
  const additionals = isServfail ? [] : renderSection(rule.additional, rule);
  if (answers === undefined || authorities === undefined || additionals === undefined) return undefined;
  if (hasAlias(answers) && [TYPE.A, TYPE.AAAA, TYPE.ANY].some((type) => type === rule.qtype)) return undefined;
  return {
    kind: 'fixedAnswer',
    qtype: rule.qtype,
    rcode: rule.rcode,
    extendedError: isServfail ? -1 : (rule.extendedError?.code ?? -1),
    answers: answers.map(encodeRecord),
    authorities: authorities.map(encodeRecord),
    additionals: additionals.map(encodeRecord),
  };
}

function matchesEverything(pattern: string): boolean {
  return MATCHES_EVERYTHING.test(pattern.replace(/^(\^?)\((?:\?:)?([^()]*)\)(\$?)$/, '$1$2$3'));
}

interface FixedRecord extends ZoneRecord {
  readonly rdata: Uint8Array;
  /** the owner is the question's name */
  readonly isQuestionOwner: boolean;
}

function hasAlias(records: readonly FixedRecord[]): boolean {
  return records.some((record) => record.type === TYPE.CNAME);
}

/** @returns undefined if a record is not the same for every question */
function renderSection(templates: readonly Template[], rule: TemplateRule): FixedRecord[] | undefined {
  const records: FixedRecord[] = [];
  for (const template of templates) {
    const record = renderRecord(template, rule);
    if (record === undefined) return undefined;
    records.push(record);
  }
  return records.length > SECTION_RECORDS_MAX ? undefined : records;
}

function renderRecord(template: Template, rule: TemplateRule): FixedRecord | undefined {
  const [first, second] = template;
  const isQuestionOwner = first !== undefined && fieldOf(first) === 'Name' && /^[ \t]/.test(textOf(second));
  // Any owner does for reading the record: the pointer takes its place.
  const texts = (isQuestionOwner ? template.slice(1) : template).map((node) => fixedText(node, rule));
  if (texts.includes(undefined)) return undefined;
  const text = `${isQuestionOwner ? '.' : ''}${texts.join('')}`;
  try {
    const record = readOneRecord(text, 'template', TTL_SECONDS_DEFAULT);
    if (record === undefined || record.rdata === null) return undefined;
    return { ...record, rdata: record.rdata, isQuestionOwner };
  } catch (error) {
    if (error instanceof ZoneFileFault) return undefined;
    throw error;
  }
}

/** The field of `{{ .Field }}`, if the node is that. */
function fieldOf(node: TemplateNode): string | undefined {
  if (node.kind !== 'action' || node.pipeline.variables.length > 0) return undefined;
  const [command, ...others] = node.pipeline.commands;
  const operand = command?.[0];
  if (others.length > 0 || command?.length !== 1 || operand?.kind !== 'dot') return undefined;
  return operand.fields.length === 1 ? operand.fields[0] : undefined;
}

function textOf(node: TemplateNode | undefined): string {
  return node?.kind === 'text' ? node.text : '';
}

/** The text of a node where it is known before the question: questions of another class are not answered. */
function fixedText(node: TemplateNode, rule: TemplateRule): string | undefined {
  if (node.kind === 'text') return node.text;
  switch (fieldOf(node)) {
    case 'Zone':
      return rule.zones.length === 1 ? rule.zones[0] : undefined;
    case 'Class':
      return 'IN';
    case 'Type':
      return rule.qtype === TYPE.ANY ? undefined : typeName(rule.qtype);
    default:
      return undefined;
  }
}

function encodeRecord(record: FixedRecord): Uint8Array {
  const owner = record.isQuestionOwner ? QUESTION_POINTER : record.owner;
  const octets = new Uint8Array(owner.length + 10 + record.rdata.length);
  const view = new DataView(octets.buffer);
  octets.set(owner);
  view.setUint16(owner.length, record.type);
  view.setUint16(owner.length + 2, record.qclass);
  view.setUint32(owner.length + 4, record.ttlSeconds);
  view.setUint16(owner.length + 8, record.rdata.length);
  octets.set(record.rdata, owner.length + 10);
  return octets;
}
