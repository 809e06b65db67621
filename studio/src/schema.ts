/** What settings there are: names, help, ranges, defaults, groups, all from GET /v1/settings and GET /v1/presets. */

import { computed, signal } from '@preact/signals';

import { get } from './api/client';
import type { Feature, Json, Model, Preset, RowKey, SchemaField, Settings, SettingsAnswer, Target, Upscaler } from './api/types';

export interface Field {
  name: string;
  title: string;
  help: string;
  kind: 'number' | 'choice' | 'truth' | 'text';
  whole: boolean;
  optional: boolean;
  default: Json;
  minimum: number | null;
  maximum: number | null;
  step: number | null;
  /** The useful range of a knob, where what is allowed is wider. */
  low: number | null;
  high: number | null;
  advanced: boolean;
  unit: string;
  group: string;
  choices: string[];
}

export const fields = signal<ReadonlyMap<string, Field>>(new Map());
export const presets = signal<Preset[]>([]);
export const features = signal<Feature[]>([]);
export const targets = signal<Target[]>([]);
export const rowKeys = signal<RowKey[]>([]);
export const models = signal<Model[]>([]);
export const upscalers = signal<Upscaler[]>([]);
export const caller = signal<{ name: string; role: string } | null>(null);

export const defaults = computed<Settings>(() =>
  Object.fromEntries([...fields.value.values()].map((field) => [field.name, field.default])),
);

export async function loadSchema(): Promise<void> {
  const [answer, known] = await Promise.all([
    get<SettingsAnswer>('/v1/settings'),
    get<{ presets: Preset[] }>('/v1/presets'),
  ]);
  fields.value = new Map(Object.entries(answer.schema.properties).map(([name, each]) => [name, fieldOf(name, each)]));
  presets.value = known.presets;
  features.value = answer.features;
  targets.value = answer.targets;
  rowKeys.value = answer.row_keys;
  caller.value = answer.caller;
}

export async function loadModels(): Promise<void> {
  const answer = await get<{ models: Model[]; upscalers: Upscaler[] }>('/v1/models');
  models.value = answer.models;
  upscalers.value = answer.upscalers;
}

/** A field of the JSON schema as the page shows it. */
export function fieldOf(name: string, given: SchemaField): Field {
  const options = given.anyOf ?? [given];
  const told = options.find((each) => each.type !== 'null') ?? given;
  const type = told.type ?? (given.type || 'string');
  const choices = (told.enum ?? given.enum ?? []).map(String);
  return {
    name,
    title: given.title ?? name.replaceAll('_', ' '),
    help: given.description ?? '',
    kind: choices.length ? 'choice' : type === 'boolean' ? 'truth' : ['number', 'integer'].includes(type) ? 'number' : 'text',
    whole: type === 'integer',
    optional: options.some((each) => each.type === 'null'),
    default: given.default ?? null,
    minimum: told.minimum ?? told.exclusiveMinimum ?? given.minimum ?? null,
    maximum: told.maximum ?? told.exclusiveMaximum ?? given.maximum ?? null,
    step: given['x-step'] ?? (type === 'integer' ? 1 : null),
    low: given['x-low'] ?? null,
    high: given['x-high'] ?? null,
    advanced: given['x-advanced'] ?? false,
    unit: given['x-unit'] ?? '',
    group: given['x-group'] ?? '',
    choices,
  };
}
