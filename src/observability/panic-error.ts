/** A bug that an answering thread met with a query, as main hears of it. */
export interface PanicError {
  readonly message: string;
  /** where it was */
  readonly stack?: string | undefined;
}
