import os from 'node:os';
import path from 'node:path';
import type { ConfigFiles } from './config-files.ts';
import { faultAt, quoteText, type CorefileToken } from './corefile-token.ts';
import type { ConfigWarning } from './corefile-tree.ts';
import type { ServerKey } from './server-key.ts';
import { parseZones } from '../zone-name.ts';

/** The machine's addresses by interface name, as node:os has them. */
export type NetworkInterfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly scopeid?: number }[]>
>;

/** What a plugin says of the listeners of its block; the block's listeners are made from it. */
export interface BlockSettings {
  /** `bind`: canonical addresses in order; null: all addresses of the machine */
  bindAddresses: readonly string[] | null;
  /** `view`: other blocks may serve the same zone */
  isFiltered: boolean;
  /** `tls`: equal texts are equal certificates, versions and client rules; null: no TLS */
  tlsIdentity: string | null;
  /** `https`: HTTP/2 streams a connection; null: not set */
  httpsMaxStreams: number | null;
}

/** What a plugin knows of its block and of the machine while its directives are read. */
export class BlockContext {
  /** one a zone: a network in CIDR notation may have made several of one key */
  readonly keys: readonly ServerKey[];
  /** canonical names, in the order of the keys */
  readonly zones: readonly string[];
  /** of all directives in the block */
  readonly directiveNames: ReadonlySet<string>;
  readonly files: ConfigFiles;
  readonly networkInterfaces: NetworkInterfaces;
  readonly hostName: string;
  readonly settings: BlockSettings = {
    bindAddresses: null,
    isFiltered: false,
    tlsIdentity: null,
    httpsMaxStreams: null,
  };
  /** `root`, which comes first of all plugins; absolute */
  rootDirectory: string;
  /** Checks of the plugin that is read; who reads it takes them away. */
  readonly checks: ConfigCheck[] = [];
  readonly #report: ConfigReport;

  constructor(keys: readonly ServerKey[], directiveNames: ReadonlySet<string>, machine: Machine, report: ConfigReport) {
    this.keys = keys;
    this.zones = [...new Set(keys.map((key) => key.zone))];
    this.directiveNames = directiveNames;
    this.files = machine.files;
    this.networkInterfaces = machine.networkInterfaces;
    this.hostName = machine.hostName;
    this.rootDirectory = machine.directory;
    this.#report = report;
  }

  /** A path of an option, absolute: relative ones start at `root`, else at the working directory. */
  resolvePath(text: string): string {
    return path.resolve(this.rootDirectory, text);
  }

  warn(token: CorefileToken, message: string): void {
    this.#report.warn(token, message);
  }

  /** Whether somebody waits who has other work to do: what is checked is checked later, in steps, and again when it is used. */
  get checksLater(): boolean {
    return this.#report.laterChecks !== undefined;
  }

  /** The text of a file that has to be there. @param sizeMax  octets; default: what a configuration may have */
  readFile(token: CorefileToken, what: string, sizeMax?: number): string {
    const file = this.resolvePath(token.text);
    let text: string | undefined;
    try {
      text = this.files.read(file, sizeMax);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw faultAt(token, 'CONFIG_ARGUMENT', `cannot read ${what} ${quoteText(file)}: ${reason}`, error);
    }
    if (text === undefined) throw faultAt(token, 'CONFIG_ARGUMENT', `${what} not found: ${quoteText(file)}`);
    return text;
  }

  /** The zones of arguments, canonical; what is no zone is passed over with a warning. */
  readZones(tokens: readonly CorefileToken[]): readonly string[] {
    return tokens.flatMap((token) => {
      const zones = parseZones(token.text);
      if (typeof zones !== 'string') {
        this.#report.countZones(token, zones.length);
        return zones;
      }
      this.warn(token, `${zones}; the zone is ignored`);
      return [];
    });
  }

  /** `[ZONES…]`: without arguments all zones of the block's keys. */
  readZonesOrKeys(tokens: readonly CorefileToken[]): readonly string[] {
    return tokens.length === 0 ? this.zones : this.readZones(tokens);
  }

  /** `fallthrough [ZONES…]`: without arguments all names. */
  readFallthrough(tokens: readonly CorefileToken[]): readonly string[] {
    return tokens.length === 0 ? ['.'] : this.readZones(tokens);
  }
}

/** A look at what a directive names, which may take long. @throws SkyshardError CONFIG_* */
export type ConfigCheck = Generator<void, void>;

/** Zones of a whole configuration: a network may be 128 of them, and a hostile file may name many. */
const ZONES_MAX = 200_000;

/** What is found while a configuration is read: warnings, and how many zones there are so far. */
export class ConfigReport {
  readonly warnings: ConfigWarning[];
  /** undefined: everything is checked at once */
  readonly laterChecks: ConfigCheck[] | undefined;
  #zoneCount = 0;

  constructor(warnings: readonly ConfigWarning[], checksLater: boolean) {
    this.warnings = [...warnings];
    this.laterChecks = checksLater ? [] : undefined;
  }

  warn(token: CorefileToken, message: string): void {
    this.warnings.push({ token, message });
  }

  /** @throws SkyshardError CONFIG_ARGUMENT for more than ZONES_MAX in all */
  countZones(token: CorefileToken, count: number): void {
    this.#zoneCount += count;
    if (this.#zoneCount > ZONES_MAX) {
      throw faultAt(token, 'CONFIG_ARGUMENT', `the configuration names more than ${ZONES_MAX} zones`);
    }
  }
}

/** What a configuration may depend on besides its text. */
export interface Machine {
  readonly files: ConfigFiles;
  /** absolute: relative paths start there */
  readonly directory: string;
  readonly networkInterfaces: NetworkInterfaces;
  readonly hostName: string;
}

export function readNetworkInterfaces(): NetworkInterfaces {
  const found: Record<string, { readonly address: string; readonly scopeid?: number }[]> = {};
  for (const [name, addresses] of Object.entries(os.networkInterfaces())) found[name] = addresses ?? [];
  return found;
}
