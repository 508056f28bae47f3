/** Nodes that shapes are made of, and the lead that they are run for. */

export const LEAD = {
  id: 'lead-1',
  name: 'نور الهدى',
  email: 'nour@example.com',
  phone: '+971501234567',
  score: 80,
};

export const mail = {
  id: 'mail',
  name: 'Welcome mail',
  type: 'email',
  config: { to: '{{ lead.email }}', subject: 'مرحباً {{ lead.name }}', text: 'Welcome' },
} as const;
export const wa = {
  id: 'wa',
  name: 'WhatsApp',
  type: 'whatsapp',
  config: { to: '{{ lead.phone }}', text: 'Hello {{ lead.name }}' },
} as const;
export const row = {
  id: 'row',
  name: 'Lead list',
  type: 'google-sheets',
  config: { spreadsheetId: 'sheet-1', range: 'Leads!A:B', values: ['{{ lead.id }}', 'new'] },
} as const;
export const crm = {
  id: 'crm',
  name: 'CRM',
  type: 'http',
  config: { method: 'POST', url: 'https://crm.example.com/leads', body: { id: '{{ lead.id }}' } },
} as const;
export const score = {
  id: 'score',
  type: 'code',
  config: { code: 'return { tier: "gold" }' },
} as const;
