/**
 * The classic BPF program that picks the socket of a SO_REUSEPORT group by the CPU that received the packet.
 *
 * The kernel numbers the sockets of a group in the order of their binds. Socket i belongs to the i-th CPU of the mask, so
 * for a mask like {3, 7} the program translates 3 → 0 and 7 → 1. A CPU outside the mask gets a number no socket has, and
 * the kernel then spreads by hash.
 *
 *   ld #cpu
 *   per run of consecutive CPUs and sockets, ascending:  jge #first, +1, 0 · ret #NO_SOCKET · jgt #last, +2, 0 · sub #(first - index) · ret a
 *   ret #NO_SOCKET
 */

/** Octets of one instruction: code u16, jump if true u8, jump if false u8, operand u32. */
export const BPF_INSTRUCTION_SIZE = 8;

const LOAD_WORD_ABSOLUTE = 0x20;
const JUMP_GREATER_EQUAL = 0x35;
const JUMP_GREATER = 0x25;
const SUBTRACT = 0x14;
const RETURN_CONSTANT = 0x06;
const RETURN_A = 0x16;
/** SKF_AD_OFF + SKF_AD_CPU */
const ANCILLARY_CPU = 0xff_ff_f0_00 + 36;
const NO_SOCKET = 0xff_ff_ff_ff;

/** @param cpus  CPU of each socket, in the order the sockets are bound */
export function assembleCpuProgram(cpus: readonly number[]): Uint8Array {
  const instructions: [code: number, whenTrue: number, whenFalse: number, operand: number][] = [
    [LOAD_WORD_ABSOLUTE, 0, 0, ANCILLARY_CPU],
  ];
  const sockets = cpus.map((cpu, index) => ({ cpu, index })).toSorted((a, b) => a.cpu - b.cpu);
  let at = 0;
  for (let first = sockets[at]; first !== undefined; first = sockets[at]) {
    let length = 1;
    while (sockets[at + length]?.cpu === first.cpu + length && sockets[at + length]?.index === first.index + length) {
      length++;
    }
    instructions.push(
      [JUMP_GREATER_EQUAL, 1, 0, first.cpu],
      [RETURN_CONSTANT, 0, 0, NO_SOCKET],
      [JUMP_GREATER, 2, 0, first.cpu + length - 1],
      // modulo 2^32, so a socket's number may be above its CPU's
      [SUBTRACT, 0, 0, (first.cpu - first.index) >>> 0],
      [RETURN_A, 0, 0, 0],
    );
    at += length;
  }
  instructions.push([RETURN_CONSTANT, 0, 0, NO_SOCKET]);
  const program = new Uint8Array(new ArrayBuffer(instructions.length * BPF_INSTRUCTION_SIZE));
  const view = new DataView(program.buffer);
  for (const [i, [code, whenTrue, whenFalse, operand]] of instructions.entries()) {
    view.setUint16(i * BPF_INSTRUCTION_SIZE, code, true);
    view.setUint8(i * BPF_INSTRUCTION_SIZE + 2, whenTrue);
    view.setUint8(i * BPF_INSTRUCTION_SIZE + 3, whenFalse);
    view.setUint32(i * BPF_INSTRUCTION_SIZE + 4, operand, true);
  }
  return program;
}
