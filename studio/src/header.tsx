/** The head of the page: undo, and the document in and out. */

import { signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { messageOf } from './api/client';
import { Fault } from './controls/fault';
import { copyLink, downloadDocument, openFile } from './document/exchange';
import { toFragment } from './document/link';
import { canRedo, canUndo, document_, redo, undo } from './document/store';

export const openError = signal<string | null>(null);
const link = signal<string | null>(null);

export function Header(): ComponentChild {
  const name = document_.value.song?.name;
  return (
    <header class="head">
      <h1>
        AKMA<span class="muted"> studio</span>
      </h1>
      <span class="song-name">{name ?? ''}</span>
      <span class="spring" />
      <span class="buttons">
        <button type="button" onClick={undo} disabled={!canUndo.value} aria-keyshortcuts="Control+Z">
          Undo
        </button>
        <button type="button" onClick={redo} disabled={!canRedo.value} aria-keyshortcuts="Control+Shift+Z">
          Redo
        </button>
      </span>
      <Menu />
    </header>
  );
}

function Menu(): ComponentChild {
  const details = useRef<HTMLDetailsElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const close = (event: Event): void => {
      const menu = details.current;
      if (!menu?.open) return;
      const escaped = event instanceof KeyboardEvent && event.key === 'Escape';
      if (escaped || (event.type === 'pointerdown' && !menu.contains(event.target as Node))) menu.open = false;
      if (escaped) menu.querySelector('summary')?.focus();
    };
    addEventListener('pointerdown', close);
    addEventListener('keydown', close);
    return () => {
      removeEventListener('pointerdown', close);
      removeEventListener('keydown', close);
    };
  }, []);
  return (
    <details class="menu" ref={details}>
      <summary class="button">Document</summary>
      <div class="menu-body">
        <button type="button" onClick={downloadDocument}>
          Download
        </button>
        <button type="button" onClick={() => chooser.current?.click()}>
          Open a document or manifest
        </button>
        <button type="button" onClick={() => void share()}>
          Copy a link
        </button>
        {link.value && <input type="text" readOnly value={link.value} aria-label="Link" onFocus={(event) => event.currentTarget.select()} />}
        <input
          ref={chooser}
          class="unseen"
          type="file"
          tabIndex={-1}
          aria-label="Document file"
          accept=".json,application/json"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            event.currentTarget.value = '';
            if (file) void openDocument(file);
          }}
        />
        <Fault text={openError.value} />
      </div>
    </details>
  );
}

/** A page that came over plain HTTP has no clipboard: it shows the link then. */
async function share(): Promise<void> {
  link.value = null;
  try {
    await copyLink();
  } catch {
    const url = new URL(location.href);
    url.hash = await toFragment(document_.value);
    link.value = url.href;
  }
}

export async function openDocument(file: File): Promise<void> {
  openError.value = null;
  try {
    await openFile(file);
  } catch (error) {
    openError.value = messageOf(error);
  }
}
