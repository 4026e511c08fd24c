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

  /** Forget catalogs that are configured no more. */
  keep(plans: readonly PlannedSecondary[]): void {
    const kept = new Set(plans.filter(({ isCatalog }) => isCatalog).map(({ block, origin }) => keyOf(block, origin)));
    for (const key of this.#catalogs.keys()) if (!kept.has(key)) this.#catalogs.delete(key);
  }

  /** @returns whether the zone is this catalog's from now on */
  #take(plan: PlannedSecondary, key: string, zone: string): boolean {
    for (const [otherKey, other] of this.#catalogs) {
      if (otherKey === key || other.plan.block !== plan.block || !other.owned.has(zone)) continue;
      if (other.listed.get(zone)?.nextCatalog !== plan.origin) {
        this.#log(
          'warn',
          `plugin/secondary: member zone ${zone} of catalog ${plan.origin} is left out: catalog ${other.plan.origin} has it`,
        );
        return false;
      }
      other.owned.delete(zone);
      this.#log(
        'info',
        `plugin/secondary: member zone ${zone} goes from catalog ${other.plan.origin} to ${plan.origin}`,
      );
    }
    return true;
  }
}

function isAllowed({ memberZones }: PlannedSecondary, zone: string): boolean {
  if (memberZones.length === 0) return true;
  return memberZones.some((allowed) => allowed === '.' || zone === allowed || zone.endsWith(`.${allowed}`));
}

function keyOf(block: string, origin: string): string {
  return JSON.stringify([block, origin]);
}
