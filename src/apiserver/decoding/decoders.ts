/** Bytes of a LIST or WATCH response → trimmed objects, one at a time: what each representation needs, put together. */
import { SkyshardError } from '../../base/skyshard-error.ts';
import type { ObjectKind } from '../../kubernetes/object-sink.ts';
import type { ListDecoder, WatchDecoder } from './decoded-item.ts';
import { JsonListSplitter, JsonStreamSplitter } from './json-splitter.ts';
import { parseContentType } from './media-type.ts';
import { ObjectReader } from './object-reader.ts';
import { OBJECT_MESSAGES, type MessageType } from './protobuf-messages.ts';
import { ProtobufListSplitter, ProtobufStreamSplitter } from './protobuf-splitter.ts';

/**
 * @param contentType  of the response, which may be another than was asked for
 * @throws SkyshardError API_RESPONSE if there is no decoder for it
 */
export function createListDecoder(kind: ObjectKind, contentType: string): ListDecoder {
  const what = `list of ${kind}`;
  const isJson = parseContentType(contentType) === 'json';
  const splitter = isJson ? new JsonListSplitter(what) : new ProtobufListSplitter(what, messageOf(kind));
  const reader = new ObjectReader(kind);
  return {
    *push(chunk) {
      for (const raw of splitter.push(chunk)) {
        const item = reader.readListItem(raw);
        if (item !== undefined) yield item;
      }
    },
    end() {
      splitter.end();
      return reader.readListEnd(splitter.fields);
    },
  };
}

/** As createListDecoder. */
export function createWatchDecoder(kind: ObjectKind, contentType: string): WatchDecoder {
  const what = `watch of ${kind}`;
  const isJson = parseContentType(contentType) === 'json';
  const splitter = isJson ? new JsonStreamSplitter(what) : new ProtobufStreamSplitter(what, kind, messageOf(kind));
  const reader = new ObjectReader(kind);
  return {
    *push(chunk) {
      for (const event of splitter.push(chunk)) yield reader.readEvent(event);
    },
    end: () => splitter.end(),
  };
}

function messageOf(kind: ObjectKind): MessageType {
  const message = OBJECT_MESSAGES[kind];
  if (message === undefined) throw new SkyshardError('API_RESPONSE', `there is no protobuf of ${kind}`);
  return message;
}
