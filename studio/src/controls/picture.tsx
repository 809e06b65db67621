/** A picture of the API's that is fetched when it comes into view, a few at a time, so that nothing else waits for it. */

import type { ComponentChild } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { ApiError, isAbort, request } from '../api/client';

const AT_ONCE = 3; // a browser opens six connections to a host
const KEPT = 600;
const AGAIN = 3000; // milliseconds until a picture is asked for again

interface Asked {
  url: Promise<string>;
  /** Pictures on the page that want it. Without any it is not fetched: a wall that was left keeps nobody waiting. */
  users: number;
  abort: AbortController;
  there: boolean;
}

const kept = new Map<string, Asked>();
/** Of what is chosen, and of the wall, which may ask for hundreds. */
const waiting = { first: [] as (() => void)[], later: [] as (() => void)[] };
let running = 0;

async function fetched(path: string, first: boolean, abort: AbortSignal): Promise<string> {
  const line = first ? waiting.first : waiting.later;
  if (running >= AT_ONCE) await new Promise<void>((resolve) => line.push(resolve));
  running += 1;
  try {
    return URL.createObjectURL(await (await request(path, { signal: abort })).blob());
  } finally {
    running -= 1;
    (waiting.first.shift() ?? waiting.later.pop())?.(); // of the wall the latest to come into view
  }
}

function ask(path: string, first: boolean): Asked {
  let asked = kept.get(path);
  if (!asked) {
    const abort = new AbortController();
    const made: Asked = { url: fetched(path, first, abort.signal), users: 0, abort, there: false };
    made.url.then(
      () => (made.there = true),
      () => kept.get(path) === made && kept.delete(path),
    );
    asked = made;
  }
  kept.delete(path);
  kept.set(path, asked);
  asked.users += 1;
  const [oldest] = kept;
  if (kept.size > KEPT && oldest?.[1].users === 0) {
    void oldest[1].url.then(URL.revokeObjectURL, () => undefined);
    kept.delete(oldest[0]);
  }
  return asked;
}

function release(path: string, asked: Asked): void {
  asked.users -= 1;
  if (asked.users > 0 || asked.there) return;
  asked.abort.abort();
  if (kept.get(path) === asked) kept.delete(path);
}

export function Picture({ path, label, first = false }: { path: string; label: string; first?: boolean }): ComponentChild {
  const box = useRef<HTMLSpanElement>(null);
  const [url, setUrl] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    setUrl(null);
    setFailed(false);
    let asked: Asked | null = null;
    let timer = 0;
    const drop = (): void => {
      clearTimeout(timer);
      if (asked) release(path, asked);
      asked = null;
    };
    const want = (): void => {
      const now = (asked = ask(path, first));
      now.url.then(
        (found) => asked === now && setUrl(found),
        (error) => {
          if (asked !== now || isAbort(error)) return;
          const busy = error instanceof ApiError && error.status === 504; // no worker had the time
          if (busy) timer = window.setTimeout(want, AGAIN);
          else setFailed(true);
        },
      );
    };
    const watch = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) {
          if (asked && !asked.there) drop();
        } else if (!asked) want();
      },
      { rootMargin: '200px' },
    );
    if (box.current) watch.observe(box.current);
    return () => {
      watch.disconnect();
      drop();
    };
  }, [path]);
  return (
    <span class={`picture ${failed ? 'failed' : url ? '' : 'loading'}`} ref={box}>
      {url && <img src={url} alt={label} draggable={false} />}
    </span>
  );
}
