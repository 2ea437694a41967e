// dl.js: for landing pages that advertisements lead to directly. Include it on the
// landing page:
//
//   <script src="https://TRACKING-DOMAIN/dl.js"></script>
//
// A page whose address has a= and c= makes the click that a tracking link would have
// made; one whose address has ckm_request_id= was led to by such a link. Either way the
// request id is kept in the page's own cookie ckm_request_id, is the global of that name,
// and fills each empty input of that name. `?days=` in this script's address is how long
// the cookie lives (30); `o=` is the page's offer, for a site with several, of which each
// then has a cookie of its own, ckm_request_id_OFFER; `touch=last` says that the offer's
// sessions are taken over by another affiliate's click. So that a further click of the same
// one is told from that, the offer's link says whose the session is, beside its id:
// ?ckm_request_id=#reqid#&a=#affid#. On the thank-you page cv.js reads the cookie.
