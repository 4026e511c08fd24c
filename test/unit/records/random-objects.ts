/** Objects from a small vocabulary, so that names and addresses collide as often as possible. */
import type { ClusterObject } from '../../../src/kubernetes/objects.ts';
import { external, namespace, pod, service, serviceImport, slice } from './cluster.ts';

/** Numbers that look random, the same in every run of one seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * bound);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  some<Item>(items: readonly Item[], countMax: number): Item[] {
    return Array.from({ length: this.below(countMax + 1) }, () => this.pick(items));
  }
}

const NAMESPACES = ['a', 'b'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'fd00::', 'FD00:0::2', '10.9.0.1'];
const EXTERNALS = ['192.0.2.1', '192.0.2.2', '2001:db8::1', 'lb.example.com', 'LB.example.org'];
const PORTS = ['http/80/TCP', 'http/80/UDP', '/81/TCP', 'dns/53/UDP', 'dns/53/TCP', 'web/80/TCP', 'none/0/TCP'];
const HOSTS = ['', '', '=x', '=y', '=10-0-0-2', '>p', '>q'];
const ZONES = ['', '@eu.west', '@us'];

export function randomObject(dice: Dice): ClusterObject {
  const space = dice.pick(NAMESPACES);
  const path = `${space}/${dice.pick(['s', 't'])}`;
  switch (dice.below(10)) {
    case 0:
      return namespace(space, dice.pick([{}, { team: 'x' }]));
    case 1:
      return { ...pod(path, dice.some(ADDRESSES.slice(0, 4), 2)), isHostNetwork: dice.below(5) === 0 };
    case 2:
      return external(path, dice.pick(['a.example', 'b.example', '10.0.0.1']));
    case 3:
      return { ...service(path, ['None'], dice.some(PORTS, 3)), externalIPs: dice.some(EXTERNALS, 1) };
    case 4:
      return { ...service(path, dice.some(ADDRESSES, 2), dice.some(PORTS, 3)), externalIPs: dice.some(EXTERNALS, 2) };
    case 5:
      return serviceImport(path, dice.pick([['None'], ['10.42.0.1'], []]), dice.some(PORTS, 3));
    default: {
      const endpoints = dice.some(ADDRESSES, 4).map((address) => address + dice.pick(HOSTS) + dice.pick(ZONES));
      const own = slice(`${path}/${dice.pick(['k', 'l', 'm'])}`, dice.some(PORTS, 3), endpoints);
      const origin = dice.pick([{}, { service: '' }, { sourceCluster: 'east' }, { sourceCluster: 'west' }]);
      const isImported = dice.below(2) === 0;
      return isImported ? { ...own, importedService: dice.pick(['s', 't']), ...origin } : own;
    }
  }
}

/** One object of a kind has the name. */
export function keyOf(object: ClusterObject): string {
  return `${object.kind} ${object.kind === 'Namespace' ? '' : object.namespace} ${object.name}`;
}
