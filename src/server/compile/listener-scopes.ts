import type { CountedTemplate } from '../../observability/counters/counter-layout.ts';
import type { MetricScope } from '../../observability/counters/shard-counters.ts';
import type { CorefileBlock } from '../../plugins/corefile-config.ts';
import type { ScopeOf } from './block-compilation.ts';

/** The metric scopes of one listener: each zone and block has one, and so has each zone of an `acl` in each view. */
export class ListenerScopes {
  readonly #server: string;
  readonly #scopes: MetricScope[];
  readonly #scopeBlocks: (CorefileBlock | undefined)[];
  readonly #ofBlocks = new Map<CorefileBlock, Map<string, number>>();
  readonly #aclScopes = new Map<string, ScopeOf>();

  /**
   * @param scopes       of all listeners; grows
   * @param scopeBlocks  the block that a scope counts for; grows
   */
  constructor(server: string, scopes: MetricScope[], scopeBlocks: (CorefileBlock | undefined)[]) {
    this.#server = server;
    this.#scopes = scopes;
    this.#scopeBlocks = scopeBlocks;
  }

  /** @param zone  of the block's keys */
  scopeOf(zone: string, block: CorefileBlock): number {
    let ofZones = this.#ofBlocks.get(block);
    if (ofZones === undefined) this.#ofBlocks.set(block, (ofZones = new Map<string, number>()));
    let scope = ofZones.get(zone);
    if (scope === undefined) {
      scope = this.#scopes.push({ server: this.#server, zone, view: viewOf(block) }) - 1;
      this.#scopeBlocks[scope] = block;
      ofZones.set(zone, scope);
    }
    return scope;
  }

  /** Where what `acl` does in one of its zones is counted, and what templates do. The same function for all blocks of a view. */
  aclScopes(block: CorefileBlock): ScopeOf {
    const view = viewOf(block);
    let scopeOf = this.#aclScopes.get(view);
    if (scopeOf === undefined) {
      scopeOf = (zone, templates) =>
        templates === undefined ? this.#aclScope(zone, view) : this.#templateScope(zone, view, templates);
      this.#aclScopes.set(view, scopeOf);
    }
    return scopeOf;
  }

  /** Templates of a zone share one. */
  #templateScope(zone: string, view: string, templates: readonly CountedTemplate[]): number {
    const server = this.#server;
    const isIt = (scope: MetricScope): boolean =>
      scope.plugin === 'template' && scope.server === server && scope.zone === zone && scope.view === view;
    const known = this.#scopes.findIndex(isIt);
    if (known < 0) return this.#scopes.push({ server, zone, view, plugin: 'template', templates }) - 1;
    const before = this.#scopes[known]!.templates ?? [];
    const more = templates.filter((template) => !before.includes(template));
    this.#scopes[known] = { ...this.#scopes[known]!, templates: [...before, ...more] };
    return known;
  }

  #aclScope(zone: string, view: string): number {
    const server = this.#server;
    const isIt = (scope: MetricScope): boolean =>
      scope.plugin === 'acl' && scope.server === server && scope.zone === zone && scope.view === view;
    const known = this.#scopes.findIndex(isIt);
    return known > 0 ? known : this.#scopes.push({ server, zone, view, plugin: 'acl' }) - 1;
  }
}

function viewOf({ plugins }: CorefileBlock): string {
  return plugins.view?.name ?? '';
}
