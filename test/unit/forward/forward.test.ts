/** Forwarding over real sockets, on both transports, to an upstream that does what a test says. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FORWARD_CELLS, forwardCellsAt } from '../../../src/forward/forward-buffer.ts';
import type { RawObject } from '../../oracle/kubernetes-objects.ts';
import { formatName } from '../../wire/names.ts';
import { buildQuery } from '../../wire/query.ts';
import { decodeStrictly } from '../../wire/strict-message.ts';
import { eventually, hasIPv6, skipReason, TRANSPORTS } from '../shard/shard-fixture.ts';
import { startForwardServer, type ForwardServer } from './forward-server.ts';
import {
  aRecord,
  answerA,
  optRecord,
  record,
  reply,
  silent,
  StubUpstream,
  type UpstreamQuery,
} from './stub-upstream.ts';

const NXDOMAIN = 3;
const SRV = 33;
const A = 1;
const AAAA = 28;

for (const transport of TRANSPORTS) {
  const skip = skipReason(transport);

  test(`${transport}: what goes upstream is our own query, what comes back is the client's`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) =>
      stub.send(
        reply(query, {
          flags: 0x04a0, // AA, RA, AD
          answers: [aRecord(1), aRecord(2)],
          authorities: [record(2, [2, 110, 115, 0xc0, 12])],
          additionals: [optRecord()],
        }),
        query.from,
      ),
    );
    const { ask, port } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    const cookie = { code: 10, data: [1, 2, 3, 4, 5, 6, 7, 8] };
    const ecs = { code: 8, data: [0, 1, 24, 0, 192, 0, 2] };
    const response = await ask({
      name: 'wWw.Example.org',
      type: A,
      id: 0x4321,
      flags: 0x0110,
      edns: { udpSize: 4096, dnssecOk: true, options: [cookie, ecs] },
    });
    const [{ message, from }] = upstream.queries as [UpstreamQuery];
    assert.notEqual(from.port, port);
    assert.deepEqual([message.rd, message.cd, message.ad, message.aa, message.tc], [true, true, true, false, false]);
    assert.equal(formatName(message.questions[0]!.name), 'wWw.Example.org.');
    assert.deepEqual([message.opt?.dnssecOk, message.opt?.options, message.opt?.udpSize], [true, [], 1232]);

    assert.equal(response.id, 0x4321);
    assert.deepEqual(
      [response.rcode, response.aa, response.ra, response.ad, response.cd, response.rd, response.tc],
      [0, false, true, true, true, true, false],
    );
    assert.equal(formatName(response.questions[0]!.name), 'wWw.Example.org.');
    assert.deepEqual(
      response.answer.map(({ owner, rdata }) => `${formatName(owner)} ${rdata}`),
      ['wWw.Example.org. 192.0.2.1', 'wWw.Example.org. 192.0.2.2'],
    );
    assert.equal(response.authority[0]!.rdata, 'ns.wWw.Example.org.');
    assert.deepEqual(
      response.opt?.options.map(({ code, data }) => [code, data.length]),
      [[10, 24]],
    );
    assert.equal(response.opt?.dnssecOk, true);
  });

  test(`${transport}: a client without EDNS gets no OPT, no AD, and an rcode it can read`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      const isWide = formatName(query.message.questions[0]!.name).startsWith('wide');
      const additionals = [optRecord([], isWide ? 1 : 0)];
      stub.send(reply(query, { flags: 0x00a0 | NXDOMAIN, additionals }), query.from);
    });
    const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    const response = await ask({ name: 'none.example.org', type: A, flags: 0x0100 });
    assert.deepEqual([response.rcode, response.ad, response.opt], [NXDOMAIN, false, undefined]);
    const extended = await ask({ name: 'wide.example.org', type: A });
    assert.equal(extended.rcode, 2, 'extended rcode 19 has no place without OPT');
    const edns = await ask({ name: 'wide.example.org', type: A, edns: {} });
    assert.equal(edns.rcode, 19);
  });

  test(
    `${transport}: only a response with our id and question, from the upstream, to our socket counts`,
    { skip },
    async (t) => {
      const forger = await StubUpstream.open(t);
      const upstream = await StubUpstream.open(t, (query, stub) => {
        const wrong = reply(query, { answers: [aRecord(66)] });
        const { id } = query.message;
        stub.send(reply(query, { id: id ^ 1, answers: [aRecord(66)] }), query.from);
        stub.send(reply(query, { question: questionFor('evil.org'), answers: [aRecord(66)] }), query.from);
        stub.send(
          reply(query, { question: Buffer.concat([questionFor('a.org').subarray(0, -4), Buffer.from([0, 28, 0, 1])]) }),
          query.from,
        );
        stub.send(Uint8Array.from([...wrong.slice(0, 2), wrong[2]! & 0x7f, ...wrong.slice(3)]), query.from);
        stub.send(Uint8Array.from([...wrong.slice(0, 2), wrong[2]! | 0x28, ...wrong.slice(3)]), query.from);
        stub.send(wrong.slice(0, 11), query.from);
        stub.send(wrong.slice(0, 20), query.from);
        stub.send(Buffer.alloc(40, 0xff), query.from);
        stub.send(new Uint8Array(0), query.from);
        forger.send(wrong, query.from);
        setTimeout(() => stub.send(reply(query, { answers: [aRecord(7)] }), query.from), 60);
      });
      const server = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
      const response = await server.ask({ name: 'a.org', type: A });
      assert.deepEqual(
        response.answer.map(({ rdata }) => rdata),
        ['192.0.2.7'],
      );
      assert.equal(upstream.queries.length, 1);
      assert.equal(cell(server, 'mismatched'), 10);
    },
  );

  test(`${transport}: a message that is broken behind the question is waited out`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      const whole = reply(query, { answers: [aRecord(1)] });
      stub.send(whole.slice(0, -1), query.from);
      const counts = Uint8Array.from(whole);
      counts[7] = 200;
      stub.send(counts, query.from);
      stub.send(whole, query.from);
    });
    const server = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    assert.equal((await server.ask({ name: 'a.org', type: A })).answer.length, 1);
    assert.equal(cell(server, 'malformed'), 2);
  });

  test(`${transport}: a second and a late copy of a response change nothing`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      const whole = reply(query, { answers: [aRecord(stub.queries.length)] });
      stub.send(whole, query.from);
      stub.send(whole, query.from);
      setTimeout(() => stub.send(whole, query.from), 30);
    });
    const server = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    for (const number of [1, 2, 3]) {
      const response = await server.ask({ name: 'same.org', type: A, id: number });
      assert.deepEqual([response.id, response.answer[0]!.rdata], [number, `192.0.2.${number}`]);
    }
    await sleep(60);
    assert.equal(server.client.responses.length, 3);
  });

  test(
    `${transport}: 1,000 clients with one question are one query upstream, each with its own answer`,
    { skip },
    async (t) => {
      const held: UpstreamQuery[] = [];
      const upstream = await StubUpstream.open(t, (query) => held.push(query));
      const server = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
      for (let id = 0; id < 1000; id++) {
        const name = id % 2 === 0 ? 'popular.example.org' : 'PopulaR.example.ORG';
        const edns = id % 3 === 0 ? { edns: {} } : {};
        server.client.send(Buffer.from(buildQuery({ name, type: A, id, ...edns })), server.port, '127.0.0.1');
      }
      await eventually(() => cell(server, 'coalesced') === 999 && held.length > 0, 'all wait for the first');
      upstream.send(reply(held[0]!, { answers: [aRecord(9)] }), held[0]!.from);
      const responses = await server.client.receive(1000);
      // A machine that is busy makes the upstream look slow.
      assert.equal(upstream.queries.length, 1 + cell(server, 'hedges'));
      const decoded = responses.map(({ message }) => decodeStrictly(message));
      assert.deepEqual(
        decoded.map(({ id }) => id).toSorted((a, b) => a - b),
        Array.from({ length: 1000 }, (_, id) => id),
      );
      for (const { id, questions, answer, opt } of decoded) {
        assert.equal(formatName(questions[0]!.name), id % 2 === 0 ? 'popular.example.org.' : 'PopulaR.example.ORG.');
        assert.equal(answer[0]!.rdata, '192.0.2.9');
        assert.equal(opt !== undefined, id % 3 === 0);
      }
    },
  );

  test(`${transport}: questions that differ in type, class bits DO or CD are asked each`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, silent);
    const server = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    const specs = [{ type: 1 }, { type: 28 }, { type: 1, flags: 0x0110 }, { type: 1, edns: { dnssecOk: true } }];
    for (const spec of specs) {
      server.client.send(Buffer.from(buildQuery({ name: 'a.org', ...spec })), server.port, '127.0.0.1');
    }
    await eventually(() => upstream.queries.length === 4, 'four queries');
    assert.equal(cell(server, 'coalesced'), 0);
  });

  test(`${transport}: ids are not in order, and many ports are used`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t);
    const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    for (let number = 0; number < 64; number++) await ask({ name: `n${number}.org`, type: A });
    const ids = upstream.queries.map(({ message }) => message.id);
    const steps = new Set(ids.slice(1).map((id, index) => (id - ids[index]!) & 0xffff));
    assert.ok(steps.size > 50, 'steps between ids');
    const ports = new Set(upstream.queries.map(({ from }) => from.port));
    // 16 at a time, of which one is replaced every few seconds; a socket a query would be 64.
    assert.ok(ports.size > 8 && ports.size <= 32, `${ports.size} ports`);
  });

  test(`${transport}: a response larger than the client takes is cut at a record, with TC`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      const answers = Array.from({ length: 60 }, (_, index) => aRecord(index));
      stub.send(reply(query, { answers, additionals: [optRecord()] }), query.from);
    });
    const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    const small = await ask({ name: 'a.org', type: A });
    assert.deepEqual([small.tc, small.answer.length, small.size <= 512], [true, 30, true]);
    const edns = await ask({ name: 'a.org', type: A, edns: { udpSize: 700 } });
    assert.deepEqual([edns.tc, edns.opt !== undefined, edns.size <= 700], [true, true, true]);
    assert.ok(edns.size > 700 - 16);
    const large = await ask({ name: 'a.org', type: A, edns: { udpSize: 4096 } });
    assert.deepEqual([large.tc, large.answer.length], [false, 60]);
  });

  test(`${transport}: additional and authority records give way before answers do`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      const answers = Array.from({ length: 28 }, (_, index) => aRecord(index));
      const authorities = [record(2, [2, 110, 115, 0xc0, 12])];
      const additionals = Array.from({ length: 4 }, (_, index) => record(1, [10, 0, 0, index], 60, 14));
      stub.send(reply(query, { answers, authorities, additionals }), query.from);
    });
    const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    const response = await ask({ name: 'a.org', type: A });
    assert.deepEqual(
      [response.tc, response.answer.length, response.authority.length, response.additional.length],
      [false, 28, 1, 0],
    );
  });

  test(`${transport}: header sets and clears flags of what comes from upstream`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => stub.send(reply(query, {}), query.from));
    const policy = { headerFlags: { set: 0x0480, cleared: 0x0100 } };
    const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }], policy });
    const { aa, ra, rd } = await ask({ name: 'a.org', type: A, flags: 0x0100 });
    assert.deepEqual([aa, ra, rd], [true, true, false]);
  });

  test(`${transport}: loadbalance prefer orders what comes from upstream`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) =>
      stub.send(reply(query, { answers: Array.from({ length: 9 }, (_, index) => aRecord(index)) }), query.from),
    );
    const addressOrder = Buffer.from('{"prefer":[{"words":[3221225989],"prefixLength":32}]}');
    const groups = [{ upstreams: [upstream.address] }];
    const { ask } = await startForwardServer(t, { transport, groups, policy: { addressOrder } });
    for (let number = 0; number < 8; number++) {
      const { answer } = await ask({ name: `n${number}.org`, type: A });
      assert.equal(answer[0]!.rdata, '192.0.2.5');
      assert.equal(new Set(answer.map(({ rdata }) => rdata)).size, 9);
    }
  });

  test(`${transport}: an upstream's TC is passed on with what fits`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) =>
      stub.send(reply(query, { flags: 0x0280, answers: [aRecord(1)] }), query.from),
    );
    const server = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    const response = await server.ask({ name: 'a.org', type: A });
    assert.deepEqual([response.tc, response.answer.length], [true, 1]);
    assert.equal(cell(server, 'truncated'), 1);
  });

  test(`${transport}: records behind OPT, and the upstream's extended error, reach the client`, { skip }, async (t) => {
    const ede = [0, 15, 0, 5, 0, 9, 98, 97, 100];
    const upstream = await StubUpstream.open(t, (query, stub) => {
      // mx.<question>, and its address behind OPT
      const mx = record(15, [0, 10, 2, 109, 120, 0xc0, 12]);
      const target = 12 + 11 + 12 + 2;
      const additionals = [optRecord(ede), record(1, [192, 0, 2, 5], 60, target)];
      stub.send(reply(query, { answers: [mx], additionals }), query.from);
    });
    const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    const response = await ask({ name: 'a.org', type: 15, edns: {} });
    assert.equal(response.answer.length, 1);
    assert.deepEqual(
      response.opt?.options.map(({ code, data }) => [code, ...data]),
      [[15, 0, 9, 98, 97, 100]],
    );
  });

  test(`${transport}: a server that knows no EDNS is asked again without`, { skip }, async (t) => {
    let isHeaderOnly = false;
    const upstream = await StubUpstream.open(t, (query, stub) => {
      if (query.message.opt === undefined) answerA(query, stub);
      else if (isHeaderOnly)
        stub.send(Uint8Array.from([...query.octets.subarray(0, 2), 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]), query.from);
      else stub.send(reply(query, { flags: 0x81 }), query.from);
    });
    const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
    assert.equal((await ask({ name: 'a.org', type: A })).answer.length, 1);
    isHeaderOnly = true;
    assert.equal((await ask({ name: 'b.org', type: A })).answer.length, 1);
    assert.equal(upstream.queries.length, 4);
  });

  test(
    `${transport}: an upstream of IPv6 is asked over IPv6`,
    { skip: skip || (!hasIPv6() && 'no ::1') },
    async (t) => {
      const upstream = await StubUpstream.open(t, answerA, '::1');
      const { ask } = await startForwardServer(t, { transport, groups: [{ upstreams: [upstream.address] }] });
      assert.equal((await ask({ name: 'a.org', type: A })).answer.length, 1);
    },
  );

  test(`${transport}: a wildcard listener answers later from the address that was asked`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t);
    const server = await startForwardServer(t, {
      transport,
      address: '0.0.0.0',
      groups: [{ upstreams: [upstream.address] }],
    });
    const address = transport === 'mmsg' ? '127.3.2.1' : '127.0.0.1';
    const query = Buffer.from(buildQuery({ name: 'a.org', type: A }));
    const { message, from } = await server.client.ask(query, server.port, address);
    assert.equal(from.address, address);
    assert.equal(decodeStrictly(message).answer.length, 1);
  });

  test(`${transport}: a silent upstream is followed by the next one`, { skip }, async (t) => {
    const dead = await StubUpstream.open(t, silent);
    const alive = await StubUpstream.open(t);
    const { ask } = await startForwardServer(t, {
      transport,
      groups: [{ upstreams: [dead.address, alive.address], policy: 'sequential', readTimeoutMs: 200 }],
    });
    assert.equal((await ask({ name: 'a.org', type: A })).answer.length, 1);
    assert.deepEqual([dead.queries.length >= 1, alive.queries.length], [true, 1]);
    // The probe at the silent one is not answered, so it is passed over.
    const before = dead.queries.filter(({ message }) => message.questions[0]!.type === A).length;
    assert.equal((await ask({ name: 'b.org', type: A })).answer.length, 1);
    assert.equal(dead.queries.filter(({ message }) => message.questions[0]!.type === A).length, before);
  });

  test(`${transport}: without any response the client gets SERVFAIL and says why`, { skip }, async (t) => {
    const dead = await StubUpstream.open(t, silent);
    const { ask } = await startForwardServer(t, {
      transport,
      groups: [{ upstreams: [dead.address], readTimeoutMs: 150 }],
    });
    const response = await ask({ name: 'a.org', type: A, edns: {} });
    assert.equal(response.rcode, 2);
    assert.deepEqual(
      response.opt?.options.map(({ code, data }) => [code, ...data]),
      [[15, 0, 22]],
    );
    assert.equal(dead.queries.filter(({ message }) => message.questions[0]!.type === A).length, 3);
    assert.equal(new Set(dead.queries.map(({ message }) => message.id)).size, dead.queries.length);
  });

  test(`${transport}: own zones are answered while many forwarded queries wait`, { skip }, async (t) => {
    const dead = await StubUpstream.open(t, silent);
    const server = await startForwardServer(t, { transport, groups: [{ upstreams: [dead.address] }] });
    for (let id = 0; id < 500; id++) {
      server.client.send(Buffer.from(buildQuery({ name: `n${id}.org`, type: A, id })), server.port, '127.0.0.1');
    }
    const response = await server.ask({ name: 'kubernetes.default.svc.cluster.local', type: A, id: 999 });
    assert.deepEqual([response.id, response.rcode, response.aa], [999, NXDOMAIN, true]);
  });

  test(`${transport}: max_concurrent refuses what is beyond it`, { skip }, async (t) => {
    const held: UpstreamQuery[] = [];
    const upstream = await StubUpstream.open(t, (query) => held.push(query));
    const server = await startForwardServer(t, {
      transport,
      groups: [{ upstreams: [upstream.address], concurrentMax: 2 }],
    });
    for (const name of ['a.org', 'b.org']) {
      server.client.send(Buffer.from(buildQuery({ name, type: A })), server.port, '127.0.0.1');
    }
    await eventually(() => held.length === 2, 'two are under way');
    assert.equal((await server.ask({ name: 'c.org', type: A })).rcode, 5);
    assert.equal(cell(server, 'concurrentRejects'), 1);
    for (const query of held) answerA(query, upstream);
    await server.client.receive(3);
    const query = Buffer.from(buildQuery({ name: 'd.org', type: A, id: 4 }));
    server.client.send(query, server.port, '127.0.0.1');
    await eventually(() => held.length === 3, 'there is room again');
  });

  test(`${transport}: ExternalName: our CNAME, and the target's records from upstream`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      const cname = record(5, [3, 99, 100, 110, 0xc0, 12]);
      const target = 12 + questionFor('ext.example.com').length + 12;
      const a = record(1, [192, 0, 2, 8], 60, target);
      const isThere = formatName(query.message.questions[0]!.name) === 'ext.example.com.';
      if (isThere) stub.send(reply(query, { answers: [cname, a], additionals: [optRecord()] }), query.from);
      else stub.send(reply(query, { flags: 0x83, authorities: [soaRecord()] }), query.from);
    });
    const server = await startForwardServer(t, {
      transport,
      groups: [{ upstreams: [upstream.address] }],
      objects: [namespace(), externalName('out', 'ext.example.com'), externalName('gone', 'none.example.com')],
    });
    const response = await server.ask({ name: 'out.default.svc.Cluster.local', type: A });
    assert.deepEqual(
      response.answer.map(({ owner, rdata }) => `${formatName(owner)} ${rdata}`),
      [
        'out.default.svc.Cluster.local. ext.example.com.',
        'ext.example.com. cdn.ext.example.com.',
        'cdn.ext.example.com. 192.0.2.8',
      ],
    );
    assert.equal(response.rcode, 0);
    const gone = await server.ask({ name: 'gone.default.svc.cluster.local', type: A, edns: {} });
    assert.deepEqual([gone.rcode, gone.answer.length, gone.authority.length], [NXDOMAIN, 1, 1]);
    assert.equal(gone.authority[0]!.rdata, 'ns.none.example.com. host.none.example.com. 1 2 3 4 5');
  });

  test(`${transport}: SRV at a load balancer's name: its addresses are additional records`, { skip }, async (t) => {
    const upstream = await StubUpstream.open(t, (query, stub) => {
      const name = formatName(query.message.questions[0]!.name);
      const isIPv6 = query.message.questions[0]!.type === AAAA;
      const address = isIPv6
        ? record(AAAA, [0x20, 0x01, ...Array.from({ length: 13 }, () => 0), 8], 30)
        : record(A, [192, 0, 2, 8], 60);
      if (name === 'lb.example.com.') stub.send(reply(query, { answers: [address] }), query.from);
      else stub.send(reply(query, { flags: 0x83, authorities: [soaRecord()] }), query.from);
    });
    const server = await startForwardServer(t, {
      transport,
      groups: [{ upstreams: [upstream.address] }],
      objects: [namespace(), loadBalancer('web', 'lb.example.com'), loadBalancer('gone', 'none.example.com')],
    });
    const response = await server.ask({ name: '_http._tcp.web.default.outside.test', type: SRV, edns: {} });
    assert.deepEqual([response.rcode, response.aa, response.tc], [0, true, false]);
    assert.deepEqual(
      response.answer.map(({ rdata }) => rdata),
      ['0 100 80 lb.example.com.'],
    );
    assert.deepEqual(
      response.additional.map(({ owner, ttlSeconds, rdata }) => `${formatName(owner)} ${ttlSeconds} ${rdata}`),
      ['lb.example.com. 60 192.0.2.8', 'lb.example.com. 30 2001::8'],
    );
    const gone = await server.ask({ name: 'gone.default.outside.test', type: SRV, edns: {} });
    assert.deepEqual([gone.rcode, gone.aa], [0, true]);
    assert.deepEqual([gone.answer.length, gone.authority.length, gone.additional.length], [1, 0, 0]);
  });

  test(`${transport}: SRV at a load balancer's name is whole where no upstream answers`, { skip }, async (t) => {
    const dead = await StubUpstream.open(t, silent);
    const server = await startForwardServer(t, {
      transport,
      groups: [{ upstreams: [dead.address], readTimeoutMs: 60 }],
      objects: [namespace(), loadBalancer('web', 'lb.example.com')],
    });
    const response = await server.ask({ name: 'web.default.outside.test', type: SRV, edns: {} });
    assert.deepEqual([response.rcode, response.aa, response.opt?.options], [0, true, []]);
    assert.deepEqual(
      response.answer.map(({ rdata }) => rdata),
      ['0 100 80 lb.example.com.'],
    );
  });

  test(`${transport}: ExternalName: the CNAME and SERVFAIL where no upstream answers`, { skip }, async (t) => {
    const dead = await StubUpstream.open(t, silent);
    const server = await startForwardServer(t, {
      transport,
      groups: [{ upstreams: [dead.address], readTimeoutMs: 60 }],
      objects: [namespace(), externalName('out', 'ext.example.com')],
    });
    const response = await server.ask({ name: 'out.default.svc.cluster.local', type: A, edns: {} });
    assert.deepEqual([response.rcode, response.answer[0]?.rdata], [2, 'ext.example.com.']);
  });
}

test('mmsg: an upstream whose port is closed fails at once', { skip: skipReason('mmsg') }, async (t) => {
  const closed = createSocket('udp4');
  const { promise, resolve } = Promise.withResolvers<void>();
  closed.bind(0, '127.0.0.1', resolve);
  await promise;
  const { address, port } = closed.address();
  closed.close();
  const alive = await StubUpstream.open(t);
  const { ask } = await startForwardServer(t, {
    transport: 'mmsg',
    groups: [{ upstreams: [{ address, port }], failsMax: 0 }],
  });
  const startMs = performance.now();
  const response = await ask({ name: 'a.org', type: A, edns: {} });
  assert.equal(response.rcode, 2);
  assert.deepEqual(
    response.opt?.options.map(({ code, data }) => [code, ...data]),
    [[15, 0, 23]],
  );
  // Three attempts of 2 s each would be the wait without the network's word.
  assert.ok(performance.now() - startMs < 1500);
  void alive;
});

function cell(server: ForwardServer, name: keyof typeof FORWARD_CELLS.at): number {
  return Atomics.load(new Uint32Array(server.forwardBuffer), forwardCellsAt(0) + FORWARD_CELLS.at[name]);
}

function questionFor(name: string): Buffer {
  const query = Buffer.from(buildQuery({ name, type: A }));
  return query.subarray(12);
}

function soaRecord(): Uint8Array {
  const numbers = [1, 2, 3, 4, 5].flatMap((number) => [0, 0, 0, number]);
  return record(6, [2, 110, 115, 0xc0, 12, 4, 104, 111, 115, 116, 0xc0, 12, ...numbers]);
}

function namespace(): RawObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } };
}

function externalName(name: string, target: string): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'ExternalName', externalName: target },
  };
}

function loadBalancer(name: string, hostname: string): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    status: { loadBalancer: { ingress: [{ hostname }] } },
  };
}
