/**
 * Which zones the catalogs say there are, and which catalog has each: a name that two list belongs to the one that had it
 * first, until that says (`coo`) that it is the other's.
 */
import type { LogFunction } from '../../observability/log.ts';
import type { CatalogMember } from '../../secondary/catalog.ts';
import type { PlannedSecondary } from '../configuration/server-plan.ts';

/** A zone that a catalog has. */
export type OwnedMember = Pick<CatalogMember, 'id' | 'zone'>;

interface KnownCatalog {
  readonly plan: PlannedSecondary;
  readonly listed: ReadonlyMap<string, CatalogMember>;
  readonly owned: Map<string, OwnedMember>;
}

export class CatalogMembers {
  readonly #log: LogFunction;
  readonly #catalogs = new Map<string, KnownCatalog>();
  #onChange: () => void = () => undefined;

  constructor(log: LogFunction) {
    this.#log = log;
  }

  /** @param onChange  called when the set of zones is another one */
  start(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /** Stands for all that the catalogs say: another text is another configuration. */
  get text(): string {
    const catalogs = [...this.#catalogs].map(([key, { owned }]) => [
      key,
      ...[...owned.values()].map(({ id, zone }) => [id, zone]),
    ]);
    return catalogs.length === 0 ? '' : JSON.stringify(catalogs);
  }

  /** The zones of a catalog. @param block  names the server block */
  membersOf(block: string, origin: string): readonly OwnedMember[] {
    return [...(this.#catalogs.get(keyOf(block, origin))?.owned.values() ?? [])];
  }

  /** Take what a catalog says now. */
  update(plan: PlannedSecondary, members: readonly CatalogMember[]): void {
    const before = this.text;
    const key = keyOf(plan.block, plan.origin);
    const listed = new Map(members.map((member) => [member.zone, member]));
    const allowed = members.filter(({ zone }) => isAllowed(plan, zone));
    const owned = new Map<string, OwnedMember>();
    this.#catalogs.set(key, { plan, listed, owned: this.#catalogs.get(key)?.owned ?? new Map() });
    for (const { id, zone } of allowed) if (this.#take(plan, key, zone)) owned.set(zone, { id, zone });
    this.#catalogs.set(key, { plan, listed, owned });
    this.#passOn(plan.block, key);
    const skipped = members.length - allowed.length;
    if (skipped > 0) {
      this.#log(
        'warn',
        `plugin/secondary: ${skipped} member zones of catalog ${plan.origin} are left out: they lie outside of what is allowed`,
      );
    }
    this.#log('info', `plugin/secondary: catalog ${plan.origin} has ${owned.size} member zones`);
    if (this.text !== before) this.#onChange();
  }

  /** Forget catalogs that are configured no more; what they had is the others' that list it. */
  keep(plans: readonly PlannedSecondary[]): void {
    const kept = new Set(plans.filter(({ isCatalog }) => isCatalog).map(({ block, origin }) => keyOf(block, origin)));
    const blocks = new Set<string>();
    for (const [key, { plan }] of this.#catalogs) {
      if (kept.has(key)) continue;
      this.#catalogs.delete(key);
      blocks.add(plan.block);
    }
    const before = this.text;
    for (const block of blocks) this.#passOn(block);
    if (this.text !== before) this.#onChange();
  }

  /**
   * What a catalog gives up, or away, is at once the other's that lists it: that one may not change for years, and until it does
   * nobody would serve the zone. Whom it goes to may give it to a third one: as often as there are catalogs, as they may also
   * send it in a circle.
   *
   * @param from  a catalog that has taken what it can
   */
  #passOn(block: string, from?: string): void {
    for (let round = 0; round < this.#catalogs.size; round++) {
      if (!this.#passOnOnce(block, from)) return;
    }
  }

  /** @returns whether a zone has another catalog now */
  #passOnOnce(block: string, from: string | undefined): boolean {
    let hasChanged = false;
    for (const [key, { plan, listed, owned }] of this.#catalogs) {
      if (key === from || plan.block !== block) continue;
      for (const { id, zone } of listed.values()) {
        if (owned.has(zone) || !isAllowed(plan, zone) || this.#ownerOf(plan, key, zone) !== undefined) continue;
        if (!this.#take(plan, key, zone)) continue;
        owned.set(zone, { id, zone });
        hasChanged = true;
      }
    }
    return hasChanged;
  }

  /** @returns whether the zone is this catalog's from now on */
  #take(plan: PlannedSecondary, key: string, zone: string): boolean {
    const owner = this.#ownerOf(plan, key, zone);
    if (owner !== undefined) {
      this.#log(
        'warn',
        `plugin/secondary: member zone ${zone} of catalog ${plan.origin} is left out: catalog ${owner} has it`,
      );
      return false;
    }
    for (const [otherKey, other] of this.#catalogs) {
      if (otherKey === key || other.plan.block !== plan.block || !other.owned.delete(zone)) continue;
      this.#log(
        'info',
        `plugin/secondary: member zone ${zone} goes from catalog ${other.plan.origin} to ${plan.origin}`,
      );
    }
    return true;
  }

  /** The catalog that has a zone and does not give it to this one. */
  #ownerOf(plan: PlannedSecondary, key: string, zone: string): string | undefined {
    for (const [otherKey, { plan: other, listed, owned }] of this.#catalogs) {
      if (otherKey === key || other.block !== plan.block || !owned.has(zone)) continue;
      if (listed.get(zone)?.nextCatalog !== plan.origin) return other.origin;
    }
    return undefined;
  }
}

function isAllowed({ memberZones }: PlannedSecondary, zone: string): boolean {
  if (memberZones.length === 0) return true;
  return memberZones.some((allowed) => allowed === '.' || zone === allowed || zone.endsWith(`.${allowed}`));
}

function keyOf(block: string, origin: string): string {
  return JSON.stringify([block, origin]);
}
