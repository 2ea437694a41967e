// cv.js: reports a conversion from the thank-you page of a site whose landing page has
// dl.js. Include it there:
//
//   <script src="https://TRACKING-DOMAIN/cv.js?o=OFFER&t=TRANSACTION_ID"></script>
//
// Everything in its address goes to the conversion pixel, p.ashx, as it is written; the
// request id comes from the page's own cookie: the one of the offer `o=`, where the landing
// page's scripts name their offers, else the last one.
