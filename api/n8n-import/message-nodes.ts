/** n8n's nodes that send messages. */
import type { Json, JsonObject } from '../../workflows/graph/json.ts';
import { asList, asText, at, located } from './n8n-workflow.ts';
import {
  defined,
  type NodeContext,
  type Shape,
  single,
  type TranslatedNode,
  type Translator,
  unsupported,
} from './translation.ts';

const OTHER_OPERATION = 'Use an http node with the provider’s API.';

function refuseOperation(context: NodeContext, what: string): TranslatedNode {
  return unsupported(context, `The operation “${what}” has no counterpart.`, OTHER_OPERATION);
}

function reportAttachments(context: NodeContext, given: Json | undefined, field: string): void {
  if (given === undefined || given === '' || given === null) return;
  context.report(
    'error',
    'Its attachments were files of n8n’s, which aren’t there.',
    'Add them to the node’s attachments, each with its address (url).',
    field,
  );
}

/** What a message node gives has its id under another name. */
export function messageShape(...idFields: string[]): Shape {
  return {
    json: (id, path) =>
      idFields.includes(path.join('.'))
        ? { text: `nodes.${id}.output.messageId` }
        : { problem: 'a sent message gives nothing but its messageId here' },
  };
}

export const translateEmail: Translator = (context) => {
  const { parameters } = context;
  const options = at(parameters, 'options');
  const format = asText(parameters.emailFormat) ?? (context.node.typeVersion < 2 ? 'both' : 'html');
  reportAttachments(context, at(options, 'attachments') ?? parameters.attachments, 'attachments');
  return single(
    context,
    'email',
    defined({
      from: context.text('fromEmail'),
      to: context.text('toEmail') ?? '',
      cc: context.text('options.ccEmail', at(options, 'ccEmail') ?? parameters.ccEmail ?? ''),
      bcc: context.text('options.bccEmail', at(options, 'bccEmail') ?? parameters.bccEmail ?? ''),
      replyTo: context.text('options.replyTo', at(options, 'replyTo') ?? ''),
      subject: context.text('subject') ?? '',
      ...(format === 'html' ? {} : { text: context.text('text') }),
      ...(format === 'text' ? {} : { html: context.text('html') }),
    }),
  );
};

export const translateGmail: Translator = (context) => {
  const { parameters, node } = context;
  const operation = `${asText(parameters.resource) ?? 'message'}.${asText(parameters.operation) ?? 'send'}`;
  if (operation !== 'message.send') return refuseOperation(context, operation);
  const options = at(parameters, 'options') ?? parameters.additionalFields;
  reportAttachments(context, at(options, 'attachmentsUi'), 'options.attachmentsUi');
  context.report(
    'warning',
    'It sent by Gmail’s API; here the mail is sent by SMTP.',
    'Store an smtp credential for the account (smtp.gmail.com, with an app password).',
  );
  const type = asText(parameters.emailType) ?? (node.typeVersion < 2 ? 'text' : 'html');
  const isHtml = parameters.includeHtml === true || (node.typeVersion >= 2 && type === 'html');
  const to = at(parameters, 'toList') ?? parameters.sendTo ?? '';
  return single(
    context,
    'email',
    defined({
      to: context.value('sendTo', to) ?? '',
      cc: context.text('options.ccList', at(options, 'ccList') ?? ''),
      bcc: context.text('options.bccList', at(options, 'bccList') ?? ''),
      replyTo: context.text('options.replyTo', at(options, 'replyTo') ?? ''),
      subject: context.text('subject') ?? '',
      [isHtml ? 'html' : 'text']:
        context.text('message', parameters.htmlMessage ?? parameters.message ?? '') ?? '',
    }),
  );
};

/** https://docs.n8n.io/integrations/builtin/app-nodes/n8n-nodes-base.whatsapp/ */
export const translateWhatsapp: Translator = (context) => {
  const { parameters } = context;
  const operation = asText(parameters.operation) ?? 'send';
  const to = context.text('recipientPhoneNumber') ?? '';
  if (operation === 'sendTemplate') return whatsappTemplate(context, to);
  if (operation !== 'send') return refuseOperation(context, operation);
  const type = asText(parameters.messageType) ?? 'text';
  if (type === 'text') {
    return single(context, 'whatsapp', { to, text: context.text('textBody') ?? '' });
  }
  if (type === 'location') {
    return single(context, 'whatsapp', {
      to,
      location: defined({
        latitude: context.value('latitude'),
        longitude: context.value('longitude'),
        name: context.text('additionalFields.nameLocation'),
        address: context.text('additionalFields.addressLocation'),
      }),
    });
  }
  if (!['image', 'video', 'audio', 'document', 'sticker'].includes(type)) {
    return refuseOperation(context, `send ${type}`);
  }
  const isFile = asText(parameters.mediaPath) === 'useMedian8n';
  if (isFile) reportAttachments(context, 'file', 'mediaPath');
  const media = defined({
    type,
    link: context.text('mediaLink') ?? (isFile ? '{{ n8n["media"] }}' : undefined),
    id: context.text('mediaId'),
    caption: context.text('additionalFields.mediaCaption'),
    filename: context.text('additionalFields.mediaFilename'),
  });
  return single(context, 'whatsapp', { to, media });
};

function whatsappTemplate(context: NodeContext, to: string): TranslatedNode {
  const [name = '', language = 'en_US'] = (context.text('template') ?? '').split('|');
  if (asList(at(context.parameters, 'components.component')).length > 0) {
    context.report(
      'error',
      'The values of the template’s variables were not carried over.',
      'Fill in template.components as WhatsApp’s API has them.',
      'components',
    );
  }
  return single(context, 'whatsapp', { to, template: { name, language } });
}

export const translateTelegram: Translator = (context) => {
  const { parameters } = context;
  const operation = asText(parameters.operation) ?? 'sendMessage';
  const common = {
    chatId: context.text('chatId') ?? '',
    parseMode: asText(at(parameters, 'additionalFields.parse_mode')),
    silent: at(parameters, 'additionalFields.disable_notification') === true ? true : undefined,
  };
  const file = (): string | undefined => {
    if (parameters.binaryData === true) {
      reportAttachments(context, 'file', 'binaryData');
      return '{{ n8n["file"] }}';
    }
    return context.text('file');
  };
  const caption = context.text('additionalFields.caption');
  const send = (name: string, fields: Readonly<Record<string, Json | undefined>>): TranslatedNode =>
    single(context, 'telegram', defined({ operation: name, ...common, ...fields }));
  switch (operation) {
    case 'sendMessage':
      return send('send-message', { text: context.text('text') ?? '' });
    case 'sendPhoto':
      return send('send-photo', { photo: file(), caption });
    case 'sendDocument':
      return send('send-document', { document: file(), caption });
    default:
      return refuseOperation(context, operation);
  }
};

export const translateSlack: Translator = (context) => {
  const { parameters } = context;
  const operation = `${asText(parameters.resource) ?? 'message'}.${asText(parameters.operation) ?? 'post'}`;
  if (operation !== 'message.post') return refuseOperation(context, operation);
  const whom =
    parameters.select === 'user' ? parameters.user : (parameters.channelId ?? parameters.channel);
  const config: JsonObject = defined({
    channel: context.text('channelId', located(whom) ?? ''),
    text: context.text('text'),
    threadTs: context.text('otherOptions.thread_ts.replyValues.thread_ts'),
  });
  if (parameters.messageType === 'block' || at(parameters, 'blocksUi') !== undefined) {
    context.report('error', 'Its blocks were not carried over.', 'Fill in blocks.', 'blocksUi');
  }
  return single(context, 'slack', config);
};
