/** Where something stands in a zone file, for messages. */
export interface ZoneSource {
  readonly text: string;
  readonly file: string;
  /** the text was made by a directive: what is wrong with it is told with the directive's place */
  readonly from?: ZonePlace;
}

export interface ZonePlace {
  readonly source: ZoneSource;
  /** index in the text */
  readonly at: number;
}

/** Something wrong with a zone file. The message starts with file, line and column. */
export class ZoneFileFault extends Error {
  constructor(place: ZonePlace, message: string) {
    super(`${placeText(place)}: ${message}`);
    this.name = 'ZoneFileFault';
  }
}

/** `FILE:LINE:COLUMN`, both from 1 on. */
export function placeText({ source, at }: ZonePlace): string {
  if (source.from !== undefined) return placeText(source.from);
  const before = source.text.slice(0, at);
  const line = before.split('\n').length;
  return `${source.file}:${line}:${at - before.lastIndexOf('\n')}`;
}
