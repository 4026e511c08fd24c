/** What a primary sent is no transfer of the zone, or it sent nothing: the message says what is wrong. */
export class TransferFault extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TransferFault';
  }
}
