/** What the API answers, as docs/http.md and /v1/openapi.json describe it. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Settings = Record<string, Json>;

export interface Song {
  id: string;
  name: string;
  duration: number;
  sample_rate: number;
  channels: number;
  bytes: number;
  created_at?: string;
  links: { audio: string; peaks?: string; analysis?: string };
}

export interface Peaks {
  start: number;
  end: number;
  points: number;
  min: number[];
  max: number[];
}

/** Seconds; strength 0..1. */
export interface Hit {
  time: number;
  strength: number;
  drum?: string;
}

export interface Curve {
  rate: number;
  values: number[];
}

export interface Section {
  start: number;
  end: number;
  label: string;
}

export interface Analysis {
  duration: number;
  fps: number | string;
  curves: Record<string, Curve>;
  hits: Hit[];
  beats: { time: number; downbeat?: boolean }[];
  tempo: { bpm: number | null; confidence: number };
  sections: Section[];
  rows: Json[];
}

export interface SchemaField {
  title?: string;
  description?: string;
  default?: Json;
  type?: string;
  enum?: Json[];
  pattern?: string;
  anyOf?: SchemaField[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  'x-unit'?: string;
  'x-group'?: string;
  'x-step'?: number;
  'x-low'?: number;
  'x-high'?: number;
  'x-advanced'?: boolean;
}

export interface Feature {
  name: string;
  title: string;
  kind: 'curve' | 'events';
  text: string;
}

export interface Target {
  name: string;
  title: string;
  unit: string;
  kind: 'events' | null;
  choices: { name: string; title: string }[];
  amount: number;
  range: [number, number];
  text: string;
  rows: boolean;
  strength: boolean;
}

/** A key of a row; without kind, targets or features it goes with all. */
export interface RowKey {
  name: string;
  title: string;
  text: string;
  unit: string;
  form: 'number' | 'flag' | 'pair' | 'text';
  kind: 'curve' | 'events' | null;
  targets: string[];
  features: string[];
  step: number | null;
  minimum: number | null;
  maximum: number | null;
  default: Json;
}

export interface Preset {
  name: string;
  description: string;
  walk: Record<string, Json>;
  modulation: string[];
}

export interface SettingsAnswer {
  schema: { properties: Record<string, SchemaField> };
  features: Feature[];
  targets: Target[];
  row_keys: RowKey[];
  caller: { name: string; role: string };
}

export interface Model {
  name: string;
  kind: string;
  flavour?: string;
  width: number;
  height: number;
  classes: number;
  digest: string;
  licence: string;
  note: string;
  built_in: boolean;
}

export interface Upscaler {
  name: string;
  scale: number;
  note: string;
}

export interface Still {
  time: number | null;
  frame: number | null;
  seed: number | null;
  png: string;
}

export type Status = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface Render {
  id: string;
  status: Status;
  stage: string;
  created: string;
  finished: string | null;
  name: string;
  settings: Settings;
  model: string;
  frames_total: number;
  frames_done: number;
  frames_per_second: number | null;
  seconds_left: number | null;
  queue_position: number | null;
  width: number | null;
  height: number | null;
  fps: string;
  duration: number;
  error: { code: string; message: string } | null;
  metadata?: Record<string, Json> | null;
  song?: string | null;
  video: { bytes: number; sha256: string } | null;
  links: { self: string; events: string; video: string; manifest: string; stream: string; poster?: string };
}

/** What a clip or a render takes on this service. */
export interface Estimate {
  frames: number;
  seconds: number;
  device: string;
  /** Seconds of video of other renders that the same devices are to make before, or meanwhile. */
  waiting: number;
}
