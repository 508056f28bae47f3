/** Which of n8n's node types have a counterpart. */
import { translateFilter, translateIf, translateSwitch } from './conditions.ts';
import {
  httpShape,
  openaiShape,
  postgresShape,
  sheetsShape,
  translateHttp,
  translateOpenai,
  translatePostgres,
  translateSheets,
} from './data-nodes.ts';
import { pathText } from './expression.ts';
import {
  codeShape,
  setShape,
  subworkflowShape,
  translateCode,
  translateFail,
  translateMerge,
  translateRespond,
  translateSet,
  translateSubworkflow,
  translateWait,
} from './flow-nodes.ts';
import {
  messageShape,
  translateEmail,
  translateGmail,
  translateSlack,
  translateTelegram,
  translateWhatsapp,
} from './message-nodes.ts';
import { passing, type Shape, single, type Translator } from './translation.ts';

export interface NodeType {
  readonly translate: Translator;
  /** Absent: what comes in goes out. */
  readonly shape?: Shape;
  /** Masar's type of credential that stands for n8n's. */
  readonly credential?: string;
}

/** A list in a field becomes the items of what follows. */
const translateSplitOut: Translator = (context) => {
  const field = context.text('fieldToSplitOut') ?? '';
  const items = context.value('fieldToSplitOut', `={{ $json.${field} }}`) ?? null;
  return single(context, 'set', { values: { items } });
};

const splitOutShape: Shape = {
  json: (id, path) =>
    path.length === 0
      ? { text: pathText(`nodes.${id}.output`, ['items']) }
      : { problem: 'n8n ran once for each item of the list; here it is one list' },
  list: (id) => `nodes.${id}.output.items`,
};

export const NODE_TYPES: Readonly<Record<string, NodeType>> = {
  if: { translate: translateIf },
  filter: { translate: translateFilter },
  switch: { translate: translateSwitch },
  noOp: { translate: passing },
  merge: { translate: translateMerge },
  wait: { translate: translateWait },
  respondToWebhook: { translate: translateRespond },
  stopAndError: { translate: translateFail },
  set: { translate: translateSet, shape: setShape },
  code: { translate: translateCode, shape: codeShape },
  function: { translate: translateCode, shape: codeShape },
  functionItem: { translate: translateCode, shape: codeShape },
  executeWorkflow: { translate: translateSubworkflow, shape: subworkflowShape },
  splitOut: { translate: translateSplitOut, shape: splitOutShape },
  httpRequest: { translate: translateHttp, shape: httpShape, credential: 'http' },
  googleSheets: {
    translate: translateSheets,
    shape: sheetsShape,
    credential: 'google',
  },
  postgres: { translate: translatePostgres, shape: postgresShape, credential: 'postgres' },
  openAi: { translate: translateOpenai, shape: openaiShape, credential: 'openai' },
  emailSend: { translate: translateEmail, shape: messageShape('messageId'), credential: 'smtp' },
  gmail: { translate: translateGmail, shape: messageShape('id'), credential: 'smtp' },
  whatsApp: {
    translate: translateWhatsapp,
    shape: messageShape('messages.0.id'),
    credential: 'whatsapp',
  },
  telegram: {
    translate: translateTelegram,
    shape: messageShape('result.message_id'),
    credential: 'telegram',
  },
  slack: { translate: translateSlack, shape: messageShape(), credential: 'slack' },
};
