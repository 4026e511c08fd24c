/**
 * The naive model of a zone: its records in a list, each question answered by looking at all of them, top-down as RFC 1034
 * §4.3.2, RFC 4592 and RFC 6672 tell it. It shares nothing with what it is compared to.
 */

export interface ModelRecord {
  /** labels left of the zone, from left to right; none: the apex */
  readonly owner: readonly string[];
  readonly type: string;
  /** a name of the zone for CNAME, DNAME, NS and MX (labels), else text */
  readonly target: readonly string[];
  readonly text: string;
}

export interface ModelResponse {
  readonly rcode: string;
  readonly isAuthoritative: boolean;
  /** `OWNER TYPE DATA`, in order */
  readonly answers: readonly string[];
  /** SOA, NS of the apex, NS of a delegation, nothing */
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

const ALIASES_MAX = 10;

export class ModelZone {
  readonly #records: readonly ModelRecord[];
  readonly #zone: string;

  /** @param zone  with a final dot */
  constructor(records: readonly ModelRecord[], zone: string) {
    this.#records = records;
    this.#zone = zone;
  }

  answer(qname: readonly string[], qtype: string): ModelResponse {
    const answers: string[] = [];
    const seen: string[] = [];
    let name = qname;
    for (let count = 0; count <= ALIASES_MAX; count++) {
      if (seen.includes(textOf(name))) break;
      seen.push(textOf(name));
      const next = this.#step(name, qtype, answers);
      if (!Array.isArray(next)) return next as ModelResponse;
      name = next as readonly string[];
    }
    return { rcode: 'SERVFAIL', isAuthoritative: true, answers: [], authority: [], additional: [] };
  }

  /** One name: the response, or the name that an alias leads to. */
  #step(name: readonly string[], qtype: string, answers: string[]): ModelResponse | readonly string[] {
    for (let depth = 0; depth <= name.length; depth++) {
      const above = name.slice(name.length - depth);
      const isSelf = depth === name.length;
      const [dname] = this.#at(above, 'DNAME');
      if (dname !== undefined && !isSelf) {
        const target = [...name.slice(0, name.length - depth), ...dname.target];
        // A record stands in a response once.
        if (!answers.includes(this.#line(above, dname))) answers.push(this.#line(above, dname));
        answers.push(this.#line(name, { ...dname, type: 'CNAME', target }));
        if (qtype === 'CNAME') return this.#positive(answers, []);
        return target;
      }
      const cut = depth === 0 ? [] : this.#at(above, 'NS');
      if (cut.length > 0 && !(isSelf && qtype === 'DS')) return this.#referral(above, cut, answers);
    }
    const isThere = this.#exists(name);
    let node = name;
    if (!isThere) {
      let encloser = name;
      while (!this.#exists(encloser)) encloser = encloser.slice(1);
      node = ['*', ...encloser];
      if (!this.#exists(node)) return this.#denial('NXDOMAIN', answers);
    }
    const [alias] = this.#at(node, 'CNAME');
    if (alias !== undefined && qtype !== 'CNAME') {
      answers.push(this.#line(name, alias));
      return alias.target;
    }
    const found = this.#at(node, qtype);
    if (found.length === 0) return this.#denial('NOERROR', answers);
    for (const line of found.map((record) => this.#line(name, record))) if (!answers.includes(line)) answers.push(line);
    const isApexServers = node.length === 0 && qtype === 'NS';
    const targets = qtype === 'MX' || isApexServers ? found.map(({ target }) => target) : [];
    return this.#positive(answers, this.#addresses(targets), isApexServers);
  }

  #positive(answers: readonly string[], additional: readonly string[], isApexServers = false): ModelResponse {
    const authority = isApexServers ? [] : this.#at([], 'NS').map((record) => this.#line([], record));
    return { rcode: 'NOERROR', isAuthoritative: true, answers, authority, additional };
  }

  #denial(rcode: string, answers: readonly string[]): ModelResponse {
    return { rcode, isAuthoritative: true, answers, authority: ['SOA'], additional: [] };
  }

  #referral(cut: readonly string[], servers: readonly ModelRecord[], answers: readonly string[]): ModelResponse {
    const glue = servers
      .map(({ target }) => target)
      .filter((target) => textOf(target).endsWith(textOf(cut)) && isBelow(target, cut));
    return {
      rcode: 'NOERROR',
      isAuthoritative: answers.length > 0,
      answers,
      authority: servers.map((record) => this.#line(cut, record)),
      additional: this.#addresses(glue),
    };
  }

  #addresses(targets: readonly (readonly string[])[]): string[] {
    const names = new Map(targets.map((target) => [textOf(target), target]));
    return [...names.values()].flatMap((name) => this.#at(name, 'A').map((record) => this.#line(name, record)));
  }

  #at(owner: readonly string[], type: string): ModelRecord[] {
    return this.#records.filter((record) => record.type === type && textOf(record.owner) === textOf(owner));
  }

  #exists(name: readonly string[]): boolean {
    return name.length === 0 || this.#records.some(({ owner }) => isBelow(owner, name));
  }

  #line(owner: readonly string[], { type, target, text }: ModelRecord): string {
    const data = type === 'A' || type === 'TXT' ? text : `${type === 'MX' ? `${text} ` : ''}${this.#absolute(target)}`;
    return `${this.#absolute(owner)} ${type} ${data}`;
  }

  #absolute(labels: readonly string[]): string {
    return [...labels, this.#zone].join('.');
  }
}

/** At the name or below it. */
function isBelow(name: readonly string[], above: readonly string[]): boolean {
  return (
    name.length >= above.length && above.every((label, index) => name[name.length - above.length + index] === label)
  );
}

function textOf(labels: readonly string[]): string {
  return labels.join('.');
}
