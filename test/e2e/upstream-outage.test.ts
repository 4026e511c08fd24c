/**
 * Upstreams that vanish: one of two, then both, then they are back, asked over datagrams, TLS and HTTPS. Clients ask on, for names that
 * are kept and for new ones. The figures are printed; what is demanded of them leaves room for a machine that is busy.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { CertificateAuthority } from '../support/certificates.ts';
import { DnsFaultProxy } from './dns-fault-proxy.ts';
import { newNames, type Outage, runOutage, shareAbove, summaryOf } from './outage-run.ts';
import { addressOf, REAL_SERVERS, startKnot, startNsd, startUnbound, ZONE } from './real-servers.ts';
import { missingPrograms, temporaryFolder, TRANSPORTS } from './skyshard-process.ts';
import { StreamFaultProxy } from './stream-fault-proxy.ts';

/** Of each of the two outages. */
const OUTAGE_MS = Number(process.env['SKYSHARD_OUTAGE_SECONDS'] ?? 5) * 1000;
const SERVER_NAME = 'dns.unbound.test';

function check(outage: Outage): void {
  const { samples, stale, staleMs, recoveredMs, failedMs } = outage;
  const hot = samples.filter(({ isHot }) => isHot);
  const share = (ms: number): string => `${(shareAbove(samples, ms) * 100).toFixed(2)} % above ${ms} ms`;
  assert.ok(hot.every(({ text }, index) => text.startsWith('NOERROR') || assert.fail(`${index}: ${text}`)));
  assert.ok(shareAbove(hot, 1000) < 0.01);
  assert.deepEqual(
    newNames(outage, 'one').filter(({ text }) => !text.startsWith('NOERROR')),
    [],
    'one of two is enough',
  );
  assert.ok(shareAbove(newNames(outage, 'one'), 1000) < 0.05);
  assert.ok(shareAbove(samples, 1000) < 0.02, share(1000));
  assert.equal(stale, `NOERROR, h1.${ZONE} A ${addressOf(1)}`);
  assert.ok(staleMs < 3000, `stale after ${staleMs} ms`);
  assert.ok(recoveredMs < 3000, `back after ${recoveredMs} ms`);
  assert.ok(Number.isNaN(failedMs) || failedMs < 4000, `a name that had failed: after ${failedMs} ms`);
}

for (const transport of TRANSPORTS) {
  const skip = missingPrograms(REAL_SERVERS.knot, REAL_SERVERS.nsd);
  const title = 'few wait, what is kept is given at once, stale answers soon, and all is well when they are back';
  describe(`upstreams vanish, transport ${transport}`, { skip }, () => {
    test(title, async (t) => {
      const proxies = [
        await DnsFaultProxy.start((await startKnot()).port),
        await DnsFaultProxy.start((await startNsd()).port),
      ] as const;
      const forward = proxies.map(({ port }) => `127.0.0.1:${port}`).join(' ');
      const outage = await runOutage({ transport, forward, proxies, outageMs: OUTAGE_MS });
      t.diagnostic(summaryOf(outage));
      check(outage);
    });
  });

  for (const scheme of ['tls', 'https'] as const) {
    const skip = missingPrograms(REAL_SERVERS.knot, REAL_SERVERS.unbound);
    describe(
      `upstreams that are asked over ${scheme} vanish behind open connections, transport ${transport}`,
      { skip },
      () => {
        test(title, async (t) => {
          const knot = await startKnot();
          const authority = new CertificateAuthority();
          const keys = authority.issue('unbound', [SERVER_NAME]);
          const start = async (): Promise<StreamFaultProxy> => {
            const unbound = await startUnbound(knot, keys);
            return StreamFaultProxy.start(scheme === 'tls' ? unbound.tlsPort : unbound.httpsPort);
          };
          const proxies = [await start(), await start()] as const;
          const caFile = path.join(temporaryFolder({ 'ca.crt': authority.certificate }), 'ca.crt');
          const to = proxies.map(({ port }) => `${scheme}://127.0.0.1:${port}`).join(' ');
          const forward = `${to} {\n    tls ${caFile}\n    tls_servername ${SERVER_NAME}\n  }`;
          const outage = await runOutage({ transport, forward, proxies, outageMs: OUTAGE_MS / 2 });
          t.diagnostic(`${summaryOf(outage)}; ${proxies.map(({ opened }) => opened).join(' and ')} connections`);
          check(outage);
        });
      },
    );
  }
}
