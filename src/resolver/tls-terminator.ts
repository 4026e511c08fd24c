/**
 * The server's end of TLS on one listener: takes TCP connections and gives back what is said within them.
 *
 * Certificates are replaced while servers run (a Secret that is rotated): the files are looked at every few seconds, and what
 * they hold counts for connections from then on. What cannot be used is told, and what was used before stays.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import type { TlsEnd } from './resolver-options.ts';

/** How often files are looked at, ms. */
const LOOK_MS = 5000;

export interface TlsTerminatorOptions {
  readonly end: TlsEnd;
  /** ALPN names of what is spoken, the preferred one first */
  readonly protocols: readonly string[];
  readonly log: (text: string) => void;
}

export class TlsTerminator {
  readonly #options: TlsTerminatorOptions;
  readonly #server: Server;
  /** what each connection that shakes hands is for, by its addresses */
  readonly #pending = new Map<string, (socket: TLSSocket) => void>();
  readonly #keyLog: WriteStream | undefined;
  /** what the files were when they were used last */
  #version: string;
  /** one look at a time: two would tell the same change twice */
  #isLooking = false;
  #lookedMs = performance.now();
  #complaint = '';

  private constructor(options: TlsTerminatorOptions, context: SecureContextOptions, version: string) {
    this.#options = options;
    this.#version = version;
    const { clientAuth, keyLogFile } = options.end;
    this.#server = process.getBuiltinModule('node:tls').createServer({
      ...context,
      ALPNProtocols: [...options.protocols],
      requestCert: clientAuth !== 'nocert',
      rejectUnauthorized: clientAuth === 'require_and_verify',
    });
    this.#server.on('secureConnection', (socket) => this.#adopt(socket));
    // Who fails to shake hands is closed; the connection below says so.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
    if (keyLogFile !== null) {
      this.#keyLog = createWriteStream(keyLogFile, { flags: 'a', mode: 0o600 });
      this.#keyLog.on('error', (error) => options.log(`TLS session keys cannot be written: ${error.message}`));
      this.#server.on('keylog', (line) => this.#keyLog?.write(line));
    }
  }

  /** @throws what is wrong with the files */
  static async open(options: TlsTerminatorOptions): Promise<TlsTerminator> {
    const version = await versionOf(options.end);
    return new TlsTerminator(options, await readContext(options.end), version);
  }

  get end(): TlsEnd {
    return this.#options.end;
  }

  /**
   * Shake hands on a connection.
   *
   * @param done  called unless that fails; then the connection is destroyed
   */
  terminate(carrier: Socket, done: (socket: TLSSocket) => void): void {
    const name = nameOf(carrier);
    this.#pending.set(name, done);
    carrier.once('close', () => {
      if (this.#pending.get(name) === done) this.#pending.delete(name);
    });
    this.#server.emit('connection', carrier);
  }

  /** Now and then. */
  tick(nowMs: number): void {
    if (this.#isLooking || nowMs - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = nowMs;
    this.#isLooking = true;
    void this.#look().finally(() => (this.#isLooking = false));
  }

  close(): void {
    this.#keyLog?.end();
  }

  #adopt(socket: TLSSocket): void {
    const name = nameOf(socket);
    const done = this.#pending.get(name);
    this.#pending.delete(name);
    if (done === undefined || !this.#isWelcome(socket)) socket.destroy();
    else done(socket);
  }

  #isWelcome(socket: TLSSocket): boolean {
    const { clientAuth } = this.#options.end;
    if (clientAuth === 'require') return hasCertificate(socket);
    if (clientAuth === 'verify_if_given') return socket.authorized || !hasCertificate(socket);
    return true;
  }

  async #look(): Promise<void> {
    const { end, log } = this.#options;
    try {
      const version = await versionOf(end);
      if (version === this.#version) return;
      this.#server.setSecureContext(await readContext(end));
      this.#version = version;
      this.#complaint = '';
      log(`plugin/tls: ${end.certificateFile} has changed and is used from now on`);
    } catch (error) {
      const complaint = `plugin/tls: ${String((error as Error).message)}; what was used before stays`;
      if (complaint !== this.#complaint) log(complaint);
      this.#complaint = complaint;
    }
  }
}

function nameOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function hasCertificate(socket: TLSSocket): boolean {
  return socket.getPeerX509Certificate() !== undefined;
}

/** @throws Error what is wrong with which file */
async function readContext(end: TlsEnd): Promise<SecureContextOptions> {
  const tls = process.getBuiltinModule('node:tls');
  const [cert, key, authority] = await Promise.all(
    [end.certificateFile, end.keyFile, end.authorityFile].map((file) => (file === null ? undefined : readFile(file))),
  );
  // Only who asks for certificates has a use for those who sign them.
  const systemAuthorities = (): string[] => [...tls.getCACertificates('default'), ...tls.getCACertificates('system')];
  const ca = end.clientAuth === 'nocert' ? undefined : (authority ?? systemAuthorities());
  const context = { cert: cert!, key: key!, minVersion: 'TLSv1.2' as const, ...(ca !== undefined && { ca }) };
  try {
    // Half of a pair that is being replaced is no pair.
    tls.createSecureContext(context);
  } catch (error) {
    const text = (error as Error).message;
    throw new Error(`${end.certificateFile} and ${end.keyFile} cannot be used: ${text}`, { cause: error });
  }
  return context;
}

/** Another text when one of the files is another, also where a link to them was turned elsewhere. */
async function versionOf({ certificateFile, keyFile, authorityFile }: TlsEnd): Promise<string> {
  const files = [certificateFile, keyFile, authorityFile].filter((file) => file !== null);
  const facts = await Promise.all(
    files.map(async (file) => {
      const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
      return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    }),
  );
  return facts.join('\n');
}
