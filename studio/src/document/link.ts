/** A document as the fragment of a link: deflated JSON in base64url, so that it never reaches a server's log. */

import { read, write, type Document } from './document';

const PREFIX = '#d=';

export async function toFragment(document: Document): Promise<string> {
  const packed = await through(new TextEncoder().encode(write(document)), new CompressionStream('deflate-raw'));
  let text = '';
  for (const byte of packed) text += String.fromCharCode(byte);
  return PREFIX + btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** The document of a fragment; null where it has none. Throws where it is damaged. */
export async function fromFragment(fragment: string): Promise<Document | null> {
  if (!fragment.startsWith(PREFIX)) return null;
  try {
    const text = atob(fragment.slice(PREFIX.length).replaceAll('-', '+').replaceAll('_', '/'));
    const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return read(new TextDecoder().decode(await through(packed, new DecompressionStream('deflate-raw'))));
  } catch {
    throw new Error('this link is damaged: copy it whole');
  }
}

async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}
