// @ts-check
// Landing pages, as advertisers write them.

/**
 * @typedef {object} Landing
 * @property {boolean} jquery
 * @property {string} tracker the tracker's origin
 * @property {string} [action] the form's, `d.ashx` of the tracker otherwise
 * @property {string} [fields] inputs
 * @property {string} [outside] HTML after the form
 * @property {string} [before] script before d.js
 * @property {string} [after] script after d.js
 */

/**
 * A page with a form of offer 122.
 * @param {Landing} landing
 */
export function landingPage({ jquery, tracker, action, fields = "", outside = "", before = "", after = "" }) {
  return `<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Landing page</title>
${jquery ? '<script src="/jquery.js"></script>' : ""}
<script>${before}</script>
<script src="${tracker}/d.js"></script>
<script>${after}</script>
</head><body>
<form id="ckm_form" action="${action ?? `${tracker}/d.ashx`}" method="post">
<input type="hidden" name="ckm_offer_id" value="122">
${fields}
<input type="submit" value="Send" id="send">
</form>
${outside}
</body></html>`;
}

export const EMAIL = '<input name="email_address" value="ann@example.com">';
export const ZIP = '<input name="zip_code">';
export const PHONE_PARTS =
  '<input name="home_area" maxlength="3"><input name="home_prefix" maxlength="3"><input name="home_suffix" maxlength="4">';
