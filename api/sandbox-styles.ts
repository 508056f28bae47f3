/** The look of the outbox page. */
export const SANDBOX_STYLES = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; }
nav a { margin-inline-end: .5rem; }
article { border: 1px solid #8886; border-radius: .5rem; margin: 1rem 0; padding: .75rem 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0; }
.facts { color: #777; font-size: .85rem; margin: 0 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: 0 0 .5rem; }
dt { color: #777; }
dd { margin: 0; }
pre { margin: 0; white-space: pre-wrap; font: inherit; }
small { opacity: .75; }
iframe { background: #fff; border: 1px solid #8884; height: 18rem; resize: vertical; width: 100%; }
.bubble { background: #d9fdd3; border-radius: .75rem; color: #111; margin: 0; max-width: 28rem; padding: .5rem .75rem; white-space: pre-wrap; }
.button { background: #8882; border: 1px solid #8886; border-radius: .5rem; display: inline-block; margin: .25rem .25rem 0 0; padding: .1rem .6rem; }
.who { color: #777; font-size: .85rem; margin: .5rem 0 0; }
.attachment { border: 1px solid #8886; border-radius: .5rem; display: inline-block; font-size: .85rem; margin: .5rem .5rem 0 0; padding: .1rem .5rem; }
.chat { background: #efe7dd; border-radius: .5rem; color: #111; padding: .75rem; }
.chat p { margin: 0; }
.chat .bubble { white-space: normal; }
.chat .text { white-space: pre-wrap; }
.chat a { color: #0277bd; }
.chat .button { background: #fff; border: 0; border-radius: .75rem; color: #0277bd; display: block; margin: .25rem 0 0; max-width: 28rem; padding: .5rem .75rem; text-align: center; }
.chat .button li, .chat .button p { color: #111; text-align: start; }
.ticks { color: #1d9bd1; display: block; font-size: .75rem; text-align: end; }
.media { background: #0000000d; border-radius: .5rem; padding: .75rem; }
.media span { font-size: 1.5rem; }
.quoted { border-inline-start: 3px solid #34b7f1; color: #555; font-size: .85rem; padding-inline-start: .5rem; }
.sheet { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid #8886; padding: .25rem .5rem; }
th { background: #8882; color: #777; font-weight: normal; }
td.number { text-align: end; }
`;
