/**
 * Connections that wait for the same kind of thing for the same time: who came first is due first, so neither joining,
 * leaving nor looking for what is due costs more with ten thousand of them. Linked through the members themselves.
 */
import { assert } from '../base/assert.ts';

/** What a member carries; written by DeadlineList only. */
export interface DeadlineNode<Node extends DeadlineNode<Node>> {
  deadlineMs: number;
  /** the list it is in */
  list: DeadlineList<Node> | undefined;
  before: Node | undefined;
  after: Node | undefined;
}

export class DeadlineList<Node extends DeadlineNode<Node>> {
  /** how long a member may wait; what is in the list keeps its deadline when this changes */
  durationMs: number;
  #first: Node | undefined = undefined;
  #last: Node | undefined = undefined;

  constructor(durationMs: number) {
    this.durationMs = durationMs;
  }

  /** The member that waits longest. */
  get first(): Node | undefined {
    return this.#first;
  }

  /** Move a node here, from whatever list it is in, with a new deadline. */
  append(node: Node, nowMs: number): void {
    node.list?.remove(node);
    node.list = this;
    node.deadlineMs = nowMs + this.durationMs;
    node.before = this.#last;
    if (this.#last === undefined) this.#first = node;
    else this.#last.after = node;
    this.#last = node;
  }

  remove(node: Node): void {
    assert(node.list === this, 'a node leaves the list it is in');
    if (node.before === undefined) this.#first = node.after;
    else node.before.after = node.after;
    if (node.after === undefined) this.#last = node.before;
    else node.after.before = node.before;
    node.list = undefined;
    node.before = undefined;
    node.after = undefined;
  }

  /** The member that is due, if any; it stays here. */
  due(nowMs: number): Node | undefined {
    return this.#first !== undefined && this.#first.deadlineMs <= nowMs ? this.#first : undefined;
  }
}
