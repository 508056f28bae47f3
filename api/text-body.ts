/** Bodies that an endpoint reads as text, because their form is a parameter of the request. */
import { z } from 'zod';

/** A body as it came, decoded. */
export class TextBody {
  readonly text: string;
  /** Media type without parameters, in lower case; empty where none was told. */
  readonly mediaType: string;

  constructor(text: string, mediaType: string) {
    this.text = text;
    this.mediaType = mediaType;
  }
}

export const YAML_TYPE = /^(?:application|text)\/(?:x-)?(?:[\w.-]+\+)?yaml$/;
/** curl sends a form’s type where none is told, so any type passes: `format` or the text decides. */
export const TEXT_BODY_TYPES = ['application/json', 'application/yaml'] as const;

export const textBodySchema = z
  .custom<TextBody>((value) => value instanceof TextBody, 'is missing; send the text to import')
  .meta({
    override: {},
    description: 'The text of a definition, or of another system’s export',
  });
