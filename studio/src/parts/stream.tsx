/** Watching a render while it is made: HLS, by the browser where it can, else by hls.js, which is fetched then. */

import type Hls from 'hls.js';
import type { ComponentChild } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export function Stream({ url, began }: { url: string; began: number }): ComponentChild {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    let player: Hls | null = null;
    let gone = false;
    const first = (): void => {
      performance.measure('first picture', { start: began, end: performance.now() });
    };
    element.addEventListener('loadeddata', first, { once: true });
    // Chromium says that it can play HLS and then waits for more of it than there is; only Safari goes without MediaSource.
    if (!('MediaSource' in window) && element.canPlayType('application/vnd.apple.mpegurl')) element.src = url;
    else
      void import('hls.js/light').then(({ default: Player }) => {
        if (gone) return;
        const again = { maxNumRetry: 60, retryDelayMs: 500, maxRetryDelayMs: 2000 };
        const policy = { default: { maxTimeToFirstByteMs: 30_000, maxLoadTimeMs: 60_000, timeoutRetry: again, errorRetry: again } };
        // From the first second on, not from the end that is rendered right now. Without a worker: its script would be inline.
        player = new Player({ enableWorker: false, startPosition: 0, manifestLoadPolicy: policy, playlistLoadPolicy: policy, fragLoadPolicy: policy });
        player.loadSource(url);
        player.attachMedia(element);
      });
    return () => {
      gone = true;
      player?.destroy();
    };
  }, [url]);
  return <video ref={video} controls muted autoplay playsInline aria-label="The render as far as it is" />;
}
