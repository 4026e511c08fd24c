/** What a template can know about the query it answers. */
import { classWord, typeWord } from '../dns/record-words.ts';
import { GoStruct, type GoValue } from './go-value.ts';

export interface QuestionFacts {
  /** presentation form, lower-cased */
  readonly name: string;
  /** the same as the client wrote it */
  readonly nameAsAsked: string;
  readonly qtype: number;
  readonly qclass: number;
  /** the client's address */
  readonly remote: string;
  readonly id: number;
  /** the second word of the header */
  readonly flags: number;
  readonly hasEdns: boolean;
}

export interface MatchFacts {
  /** canonical name of the template's zone */
  readonly zone: string;
  readonly pattern: string;
  /** the whole match, then the groups; '' for one that took no part */
  readonly groups: readonly string[];
  /** the number of each named group */
  readonly groupNames: Readonly<Record<string, number>>;
  /** of the template */
  readonly qtype: number;
  readonly qclass: number;
}

const ANY = 255;

/** The dot of a template. */
export function makeTemplateData(question: QuestionFacts, match: MatchFacts): GoStruct {
  const group = new Map<string, GoValue>(match.groups.map((text, index) => [String(index), text]));
  for (const [name, number] of Object.entries(match.groupNames)) group.set(name, match.groups[number] ?? '');
  // A question for all of them is answered with the template's own.
  const qtype = question.qtype === ANY ? match.qtype : question.qtype;
  const qclass = question.qclass === ANY ? match.qclass : question.qclass;
  const asked = questionStruct(question);
  return new GoStruct(
    'template.templateData',
    {
      Zone: match.zone,
      Name: question.name,
      Regex: match.pattern,
      Match: match.groups,
      Group: group,
      Class: classWord(qclass) ?? '',
      Type: typeWord(qtype) ?? '',
      Message: messageStruct(question, asked),
      Question: asked,
      Remote: question.remote,
      Var: new Map(),
    },
    // There is no metadata here, and what is not there is the empty text.
    { Meta: () => '' },
  );
}

function questionStruct({ nameAsAsked, qtype, qclass }: QuestionFacts): GoStruct {
  const typeText = typeWord(qtype) ?? `TYPE${qtype}`;
  const classText = classWord(qclass) ?? `CLASS${qclass}`;
  return new GoStruct(
    'dns.Question',
    { Name: nameAsAsked, Qtype: BigInt(qtype), Qclass: BigInt(qclass) },
    { String: () => `;${nameAsAsked}\t${classText}\t ${typeText}` },
  );
}

/** The header, whose fields are the message's own too, and the question. Records a query brings along are not read. */
function messageStruct({ id, flags, hasEdns }: QuestionFacts, question: GoStruct): GoStruct {
  const header = {
    Id: BigInt(id),
    Response: (flags & 0x8000) !== 0,
    Opcode: BigInt((flags >>> 11) & 0xf),
    Authoritative: (flags & 0x400) !== 0,
    Truncated: (flags & 0x200) !== 0,
    RecursionDesired: (flags & 0x100) !== 0,
    RecursionAvailable: (flags & 0x80) !== 0,
    Zero: (flags & 0x40) !== 0,
    AuthenticatedData: (flags & 0x20) !== 0,
    CheckingDisabled: (flags & 0x10) !== 0,
    Rcode: BigInt(flags & 0xf),
  };
  const opt = hasEdns ? new GoStruct('dns.OPT', {}) : null;
  return new GoStruct(
    'dns.Msg',
    {
      ...header,
      MsgHdr: new GoStruct('dns.MsgHdr', header),
      Compress: false,
      Question: [question],
      Answer: [],
      Ns: [],
      Extra: opt === null ? [] : [opt],
    },
    { IsEdns0: () => opt },
  );
}
