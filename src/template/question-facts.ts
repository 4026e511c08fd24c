/** What a template can know about the query it answers. */
import { classWord, typeWord } from '../dns/records/record-words.ts';
import { GoStruct, GoTemplateError, type GoValue } from './go-value.ts';

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

/** What else a template may name. */
export interface TemplateSurroundings {
  /** of the `var` options */
  readonly variables: ReadonlyMap<string, GoValue>;
  /** what is known under a label of metadata; '' if nothing is */
  readonly metadata: (label: string) => string;
}

const NO_SURROUNDINGS: TemplateSurroundings = { variables: new Map(), metadata: () => '' };

/** Groups of a match by number and by name. */
export function groupsOf({ groups, groupNames }: MatchFacts): Map<string, string> {
  const byKey = new Map(groups.map((text, index) => [String(index), text]));
  for (const [name, number] of Object.entries(groupNames)) byKey.set(name, groups[number] ?? '');
  return byKey;
}

/** The dot of a template. */
export function makeTemplateData(
  question: QuestionFacts,
  match: MatchFacts,
  { variables, metadata }: TemplateSurroundings = NO_SURROUNDINGS,
): GoStruct {
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
      Group: groupsOf(match),
      Class: classWord(qclass) ?? '',
      Type: typeWord(qtype) ?? '',
      Message: messageStruct(question, asked),
      Question: asked,
      Remote: question.remote,
      Var: variables,
    },
    {
      Meta: (...labels) => {
        if (labels.length !== 1)
          throw new GoTemplateError(`wrong number of args for Meta: want 1 got ${labels.length}`);
        if (typeof labels[0] !== 'string') throw new GoTemplateError('Meta: expected a string');
        return metadata(labels[0]);
      },
    },
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
