/** Random zones that every server takes, and questions around them, from a seed. */

/** A generator of numbers that is the same everywhere (mulberry32). */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … max - 1 */
  below(max: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * max);
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }
}

export interface RandomZone {
  /** without a final dot */
  readonly origin: string;
  readonly text: string;
}

const LABELS = ['a', 'b', 'c', 'd', 'x'];
const LONG = 'l'.repeat(63);
const TYPES = [
  'A',
  'AAAA',
  'TXT',
  'MX',
  'SRV',
  'PTR',
  'CAA',
  'NAPTR',
  'HINFO',
  'TYPE65280',
  'SVCB',
  'HTTPS',
  'LOC',
  'TLSA',
];

/** A zone with delegations, aliases, wildcards, DNAME and data of many types: nothing that a server refuses. */
export function randomZone(random: Seeded, origin: string): RandomZone {
  const owners = new Map<string, Set<string>>();
  const ttls = new Map<string, string>();
  const lines = ['$TTL 300', `@ 300 SOA ns.${origin}. host 1 7200 3600 86400 60`, '@ NS ns', '@ NS ns.other.test.'];
  const add = (owner: string, type: string, data: string): void => {
    const types = owners.get(owner) ?? new Set();
    const isLone = type === 'CNAME';
    if (types.has('CNAME') || (isLone && types.size > 0) || owner === '@') return;
    if ((type === 'DNAME' && types.size > 0) || (types.has('DNAME') && type === 'NS')) return;
    if (types.has('NS') && type !== 'NS' && type !== 'A' && type !== 'DS') return;
    const key = `${owner} ${type}`;
    // Records of one set have one TTL: of others, servers take another one each.
    const ttl = ttls.get(key) ?? random.pick(['60', '300', '7200']);
    ttls.set(key, ttl);
    owners.set(owner, types.add(type));
    const line = `${owner} ${ttl} ${type} ${data}`;
    if (!lines.includes(line)) lines.push(line);
  };
  add('ns', 'A', '192.0.2.53');
  const count = 6 + random.below(24);
  for (let left = count; left > 0; left--) {
    const owner = nameOf(random, true);
    const kind = random.below(12);
    if (kind === 0) {
      if (owner.startsWith('*')) continue;
      add(owner, 'NS', random.pick([`ns.${owner}`, nameOf(random, false), 'ns.other.test.']));
      if (random.below(2) === 0) add(`ns.${owner}`, 'A', `192.0.2.${random.below(256)}`);
    } else if (kind === 1 && !owner.startsWith('*')) {
      const isFree = ![...owners.keys()].some((name) => name.endsWith(`.${owner}`));
      if (isFree)
        add(owner, 'DNAME', random.pick([nameOf(random, false), 'other.test.', `${LONG}.${LONG}.other.test.`]));
    } else if (kind <= 3) {
      add(owner, 'CNAME', random.pick([nameOf(random, false), nameOf(random, false), '@', 'a.other.test.']));
    } else {
      const type = random.pick(TYPES);
      for (let more = random.below(3); more >= 0; more--) add(owner, type, dataOf(random, type));
    }
  }
  // Names below a DNAME are refused by some.
  const isBelowDname = (line: string): boolean => {
    const owner = line.split(' ')[0]!;
    return [...owners].some(([name, types]) => types.has('DNAME') && owner.endsWith(`.${name}`));
  };
  return { origin, text: `${lines.filter((line) => !isBelowDname(line)).join('\n')}\n` };
}

/** A name of the zone, relative; sometimes a long one. */
function nameOf(random: Seeded, mayBeWild: boolean): string {
  const labels = Array.from({ length: 1 + random.below(3) }, () => random.pick(LABELS));
  if (random.below(25) === 0) labels.unshift(LONG, LONG);
  if (mayBeWild && random.below(6) === 0) labels.unshift('*');
  return labels.join('.');
}

function dataOf(random: Seeded, type: string): string {
  const number = random.below(250);
  const target = random.pick([nameOf(random, false), 'a', 'b.c', 'mail.other.test.']);
  switch (type) {
    case 'A':
      return `192.0.2.${number}`;
    case 'AAAA':
      return `2001:db8::${number}`;
    case 'TXT':
      return random.pick([`"text ${number}"`, `"${'t'.repeat(200)}" "${'u'.repeat(200)}"`, '"" "\\000\\255"']);
    case 'MX':
      return `${number} ${target}`;
    case 'SRV':
      return `1 ${number} 53 ${target}`;
    case 'PTR':
      return target;
    case 'CAA':
      return `0 issue "ca${number}.test"`;
    case 'NAPTR':
      return `1 ${number} "s" "SIP+D2U" "" ${target}`;
    case 'HINFO':
      return `"PC${number}" "Linux"`;
    case 'SVCB':
    case 'HTTPS':
      return random.pick([`0 ${target}`, `1 ${target} alpn=h2 port=${number}`]);
    case 'LOC':
      return `42 21 54 N 71 06 18 W ${number}m`;
    case 'TLSA':
      return `3 1 1 ${number.toString(16).padStart(64, '0')}`;
    default:
      return `\\# 3 0102${number.toString(16).padStart(2, '0')}`;
  }
}

const ASKED_TYPES = [...TYPES, 'A', 'A', 'NS', 'SOA', 'CNAME', 'DNAME', 'DS', 'ANY', 'TYPE65281', 'NSEC'];

/** Questions about names that are there, lie near, or above, or are too long. */
export function randomQuestion(random: Seeded, { origin, text }: RandomZone): { name: string; type: string } {
  const owners = text
    .split('\n')
    .slice(1)
    .map((line) => line.split(' ')[0]!)
    .filter((owner) => owner !== '' && owner !== '@');
  let name = random.pick([random.pick(owners), random.pick(owners), nameOf(random, false)]);
  const change = random.below(6);
  if (change === 0) name = `${random.pick([...LABELS, '*', LONG])}.${name}`;
  else if (change === 1) name = name.split('.').slice(1).join('.');
  else if (change === 2) name = `${random.pick(LABELS)}.${random.pick(LABELS)}.${name}`;
  else if (change === 3) name = name.replace(/^\*/, random.pick(LABELS));
  if (random.below(40) === 0) name = '';
  const whole = name === '' ? origin : `${name}.${origin}`;
  return { name: whole.length > 250 ? origin : whole, type: random.pick(ASKED_TYPES) };
}
