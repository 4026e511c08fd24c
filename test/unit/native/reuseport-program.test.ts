import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { assembleCpuProgram, BPF_INSTRUCTION_SIZE } from '../../../src/native/reuseport-program.ts';

const NO_SOCKET = 0xff_ff_ff_ff;

/** Run a program as the kernel does, for a packet received on `cpu`. */
function run(program: Uint8Array, cpu: number): number {
  const view = new DataView(program.buffer);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += BPF_INSTRUCTION_SIZE) {
    const operand = view.getUint32(at + 4, true);
    const jump = (isTaken: boolean) => {
      at += BPF_INSTRUCTION_SIZE * view.getUint8(at + (isTaken ? 2 : 3));
    };
    switch (view.getUint16(at, true)) {
      case 0x20:
        assert.equal(operand, 0xff_ff_f0_24, 'loads the CPU number');
        accumulator = cpu;
        break;
      case 0x35:
        jump(accumulator >= operand);
        break;
      case 0x25:
        jump(accumulator > operand);
        break;
      case 0x14:
        accumulator = (accumulator - operand) >>> 0;
        break;
      case 0x06:
        return operand;
      case 0x16:
        return accumulator;
      default:
        assert.fail('an instruction this program has no use for');
    }
  }
  assert.fail('runs past its end');
}

test('CPUs 3 and 7 are sockets 0 and 1, all others none', () => {
  const program = assembleCpuProgram([3, 7]);
  const chosen = Array.from({ length: 10 }, (_, cpu) => run(program, cpu));
  const none = NO_SOCKET;
  assert.deepEqual(chosen, [none, none, none, 0, none, none, none, 1, none, none]);
});

test('any mask in any order: the i-th CPU is socket i, a CPU outside it none', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 256 }), fc.boolean(), (drawn, isSorted) => {
      const cpus = isSorted ? drawn.toSorted((a, b) => a - b) : drawn;
      const program = assembleCpuProgram(cpus);
      for (let cpu = 0; cpu <= 256; cpu++) {
        const index = cpus.indexOf(cpu);
        assert.equal(run(program, cpu), index < 0 ? NO_SOCKET : index);
      }
    }),
    { numRuns: 50 },
  );
});

test('the program for every other of 512 CPUs is within the kernel’s 4,096 instructions', () => {
  const program = assembleCpuProgram(Array.from({ length: 256 }, (_, i) => i * 2));
  assert.ok(program.length / BPF_INSTRUCTION_SIZE <= 4096);
});
