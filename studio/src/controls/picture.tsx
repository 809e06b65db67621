/** A picture of the API's that is fetched when it comes into view, a few at a time, so that nothing else waits for it. */

import type { ComponentChild } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { isAbort, request } from '../api/client';

const AT_ONCE = 3; // a browser opens six connections to a host
const KEPT = 600;

const kept = new Map<string, Promise<string>>();
/** Of what is chosen, and of the wall, which may ask for hundreds. */
const waiting = { first: [] as (() => void)[], later: [] as (() => void)[] };
let running = 0;

async function fetched(path: string, first: boolean): Promise<string> {
  const line = first ? waiting.first : waiting.later;
  if (running >= AT_ONCE) await new Promise<void>((resolve) => line.push(resolve));
  running += 1;
  try {
    return URL.createObjectURL(await (await request(path)).blob());
  } finally {
    running -= 1;
    (waiting.first.shift() ?? waiting.later.pop())?.(); // of the wall the latest to come into view
  }
}

function pictureOf(path: string, first: boolean): Promise<string> {
  const found = kept.get(path) ?? fetched(path, first);
  kept.delete(path);
  kept.set(path, found);
  const [oldest] = kept.keys();
  if (kept.size > KEPT && oldest) {
    void kept.get(oldest)?.then(URL.revokeObjectURL, () => undefined);
    kept.delete(oldest);
  }
  found.catch(() => kept.delete(path));
  return found;
}

export function Picture({ path, label, first = false }: { path: string; label: string; first?: boolean }): ComponentChild {
  const box = useRef<HTMLSpanElement>(null);
  const [url, setUrl] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    setUrl(null);
    let gone = false;
    const watch = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) return;
        watch.disconnect();
        pictureOf(path, first).then(
          (found) => !gone && setUrl(found),
          (error) => !gone && !isAbort(error) && setFailed(true),
        );
      },
      { rootMargin: '200px' },
    );
    if (box.current) watch.observe(box.current);
    return () => {
      gone = true;
      watch.disconnect();
    };
  }, [path]);
  return (
    <span class={`picture ${failed ? 'failed' : ''}`} ref={box}>
      {url && <img src={url} alt={label} draggable={false} />}
    </span>
  );
}
