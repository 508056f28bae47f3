/** The examples as they are played: who starts them with what, and how they should end. */

import { statusSchema } from '../api-schemas.ts';
import { EXAMPLE_LEAD } from '../demo.ts';
import { shortTime } from '../table.ts';
import type { Scene, Stage } from './stage.ts';
import { callHook, nextTimeOf, webhookOf } from './triggers.ts';

export interface Demo {
  readonly name: string;
  /** What it shows, in a line. */
  readonly shows: string;
  /** The definitions in examples/ that it puts. */
  readonly files: readonly string[];
  /** @returns what was played, and whether each scene ended as it should */
  play(stage: Stage): Promise<{ readonly scenes: readonly Scene[]; readonly asExpected: boolean }>;
}

const { name, email, phone } = EXAMPLE_LEAD;

/** People at addresses reserved for examples (RFC 2606; NANP 555-01xx). */
const OMAR = { name: 'عمر الفارسي', email: 'omar@example.com', phone: '+12025550117' };
const LINA = { name: 'Lina Haddad', email: 'lina@example.com', phone: '+12025550188' };

const succeeded = ({ execution }: Scene): boolean => execution.status === 'succeeded';

export const DEMOS: readonly Demo[] = [
  {
    name: 'welcome-lead',
    shows: 'a mail to a new lead, WhatsApp to a hot one, a row in a sheet, a little code',
    files: ['welcome-lead.json'],
    async play(stage) {
      const workflowId = await stage.put('welcome-lead.json');
      const scene = await stage.play(workflowId, { lead: EXAMPLE_LEAD });
      return { scenes: [scene], asExpected: succeeded(scene) };
    },
  },
  {
    name: 'approval',
    shows: 'an offer that goes out only after a person has approved it',
    files: ['approval.yaml'],
    async play(stage) {
      const workflowId = await stage.put('approval.yaml');
      const { api, terminal } = stage;
      const decide = (decision: 'approve' | 'reject', comment: string) => {
        let decided = false;
        return async (node: { nodeId: string; status: string }, executionId: string) => {
          if (decided || node.nodeId !== 'ask' || node.status !== 'waiting') return;
          decided = true;
          terminal.line(`    somebody decides: ${decision} (${comment})`);
          const path = `/api/executions/${executionId}/approvals/ask`;
          await api.call('POST', path, statusSchema, { body: { decision, comment } });
        };
      };
      terminal.line(`${name} asks for an offer:`);
      const approved = await stage.play(workflowId, {
        lead: EXAMPLE_LEAD,
        input: { discount: 15 },
        onNode: decide('approve', 'موافق'),
      });
      terminal.line(`${OMAR.name} asks for one too:`);
      const rejected = await stage.play(workflowId, {
        lead: OMAR,
        input: { discount: 40 },
        onNode: decide('reject', 'too much'),
      });
      const scenes = [approved, rejected];
      return { scenes, asExpected: scenes.every(succeeded) };
    },
  },
  {
    name: 'lead-scoring',
    shows: 'a score worked out in JavaScript, and a branch for each tier',
    files: ['lead-scoring.json'],
    async play(stage) {
      const workflowId = await stage.put('lead-scoring.json');
      const leads = [
        { name, email, phone, budget: 60_000, employees: 250, source: 'referral' },
        { ...OMAR, budget: 30_000, employees: 120, source: 'website' },
        { ...LINA, budget: 2_000, employees: 4, source: 'website' },
      ];
      const scenes: Scene[] = [];
      for (const lead of leads) {
        stage.terminal.line(`${lead.name}, budget ${lead.budget}:`);
        scenes.push(await stage.play(workflowId, { lead }));
      }
      return { scenes, asExpected: scenes.every(succeeded) };
    },
  },
  {
    name: 'nightly-digest',
    shows: 'figures from a sheet, mailed every evening by a schedule; fired once here',
    files: ['lead-sheet.yaml', 'nightly-digest.yaml'],
    async play(stage) {
      const { terminal } = stage;
      const sheet = await stage.put('lead-sheet.yaml');
      const digest = await stage.put('nightly-digest.yaml');
      terminal.line('Three leads come in:');
      const filled = await stage.play(sheet, {
        input: {
          leads: [
            { name, email, city: 'دبي', value: 12_000 },
            { ...OMAR, city: 'دبي', value: 8_500 },
            { ...LINA, city: 'بيروت', value: 4_000 },
          ],
        },
      });
      const next = await nextTimeOf(stage, digest);
      terminal.line(`Its schedule would fire next at ${shortTime(next)}; it is fired at once:`);
      const told = await stage.play(digest, {});
      const scenes = [filled, told];
      return { scenes, asExpected: scenes.every(succeeded) };
    },
  },
  {
    name: 'broadcast',
    shows: 'one WhatsApp message to many, three at a time, with a report of those that failed',
    files: ['broadcast.yaml'],
    async play(stage) {
      const workflowId = await stage.put('broadcast.yaml');
      const scene = await stage.play(workflowId, {
        input: {
          text: 'افتتاح فرعنا الجديد يوم الأحد. أهلاً وسهلاً بكم!',
          recipients: [
            { name, phone },
            OMAR,
            { name: 'رقم خاطئ', phone: '12' },
            LINA,
            { name: 'سارة', phone: '+12025550162' },
          ],
        },
      });
      return { scenes: [scene], asExpected: succeeded(scene) };
    },
  },
  {
    name: 'webhook-answer',
    shows: 'a price that a web form gets in the answer to its request, and a quote by mail',
    files: ['webhook-answer.yaml'],
    async play(stage) {
      const workflowId = await stage.put('webhook-answer.yaml');
      const { terminal } = stage;
      const hook = await webhookOf(stage, workflowId);
      terminal.line(`${name} asks for the price of 12 seats:`);
      const quoted = await callHook(stage, hook, { name, email, seats: 12 });
      const answered = await stage.follow(quoted);
      terminal.line(`${OMAR.name} forgets to say how many:`);
      const asked = await callHook(stage, hook, { name: OMAR.name, email: OMAR.email });
      const refused = await stage.follow(asked);
      const scenes = [answered, refused];
      return { scenes, asExpected: scenes.every(succeeded) };
    },
  },
  {
    name: 'saga',
    shows: 'bookings that are taken back, the latest first, when the card is refused',
    files: ['saga.yaml'],
    async play(stage) {
      const workflowId = await stage.put('saga.yaml');
      const { terminal } = stage;
      terminal.line('With enough credit:');
      const lead = { name, email };
      const booked = await stage.play(workflowId, {
        lead,
        input: { destination: 'بيروت', price: 900, credit: 1_200 },
      });
      terminal.line('Without; this one is to fail:');
      const undone = await stage.play(workflowId, {
        lead,
        input: { destination: 'بيروت', price: 900, credit: 100 },
      });
      const asExpected = succeeded(booked) && undone.execution.status === 'failed';
      return { scenes: [booked, undone], asExpected };
    },
  },
];
