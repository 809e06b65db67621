/** Requests to the API of the service that this page came from; an API key only where the service wants one. */

import { signal } from '@preact/signals';

import type { Json } from './types';

const KEY = 'akma.key';

/** False while the service does not answer; the page says so and goes on by itself. */
export const online = signal(true);
/** True while the service wants an API key that the page has not got. */
export const keyWanted = signal(false);

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
  ) {
    super(message);
  }
}

export function useKey(key: string): void {
  sessionStorage.setItem(KEY, key);
  keyWanted.value = false;
}

export const hasKey = (): boolean => sessionStorage.getItem(KEY) !== null;

export function authorisation(): Record<string, string> {
  const key = sessionStorage.getItem(KEY);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** The address of a path of the API's. A proxy may show it under a path such as /akma; links in answers have that already. */
export function at(path: string): string {
  return path.startsWith('/v1/') ? location.pathname.replace(/\/studio(\/.*)?$/, '') + path : path;
}

/** The response where it is a success; throws an ApiError, or an AbortError. */
export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(at(path), { ...options, headers: { ...authorisation(), ...options.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    lost();
    throw new ApiError(0, 'offline', 'the service does not answer: the page goes on when it is back');
  }
  // A proxy's own answer; the API's says in JSON what it waited for in vain.
  if ([502, 504].includes(response.status) && !response.headers.get('Content-Type')?.startsWith('application/json')) lost();
  else online.value = true;
  if (!response.ok) throw await errorOf(response);
  return response;
}

export async function get<T>(path: string, abort?: AbortSignal): Promise<T> {
  return (await (await request(path, abort ? { signal: abort } : {})).json()) as T;
}

export async function post(path: string, body: Json, abort?: AbortSignal): Promise<Response> {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
  return request(path, { method: 'POST', headers, body: JSON.stringify(body), ...(abort && { signal: abort }) });
}

export async function postJson<T>(path: string, body: Json, abort?: AbortSignal): Promise<T> {
  return (await (await post(path, body, abort)).json()) as T;
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  return parseError(response.status, text);
}

/** The API's error of a status and a body; any other body becomes one line too. */
export function parseError(status: number, text: string): ApiError {
  if (status === 401) keyWanted.value = true;
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; field?: string | null } };
    return new ApiError(status, error.code, error.message, error.field ?? null);
  } catch {
    return new ApiError(status, 'unknown', `the service answered ${status}: try again`);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

const backAgain = new Set<() => void>();

/** Call `action` whenever the service answers again after it did not. */
export function onReturn(action: () => void): () => void {
  backAgain.add(action);
  return () => backAgain.delete(action);
}

let asking = false;

/** Say that the service is lost, and ask for it every second until it is ready again. */
export function lost(): void {
  online.value = false;
  if (asking) return;
  asking = true;
  const ask = async (): Promise<void> => {
    // A file of the page itself: it is there for everybody as soon as the API is.
    const answer = await fetch('icon.svg', { cache: 'no-store' }).catch(() => null);
    if (answer?.ok) {
      asking = false;
      online.value = true;
      backAgain.forEach((action) => action());
    } else {
      setTimeout(() => void ask(), 1000);
    }
  };
  setTimeout(() => void ask(), 500);
}
