// Shows what the server records, newest first, and which of it belongs together.
(function () {
  "use strict";

  // The site's pages lead back to this tab, and open no other.
  window.name = "crumb-live";
  var names = JSON.parse(document.getElementById("names").textContent);
  var feed = document.getElementById("feed");
  var empty = document.getElementById("empty");
  var connection = document.getElementById("connection");
  var ATTRIBUTIONS = { key: "by campaign key", request_id: "by request id", cookie: "by cookie", internal: "unattributed" };
  var SOURCES = { link: "link", js_pixel: "click pixel", image_pixel: "image pixel" };
  var OFFERED = ["sold", "returned", "unsold", "pending_unknown", "queued"];
  // Of a pixel that made something.
  var MADE = ["ok", "Over Conversion Cap"];
  var UNOFFERED = { queued: "It was not offered yet." };
  var BROKEN_OFF = "It was being offered when the server ended, and what was found is lost.";
  // On a small screen the list of what to try is folded: what arrives stands below it.
  var list = document.getElementById("list");
  var small = window.matchMedia("(max-width: 52rem)");
  function fold() { list.open = !small.matches; }
  small.addEventListener("change", fold);
  fold();

  var run = null;
  var counts = {};
  var sought = null;
  takeSought();

  var buttons = document.querySelectorAll("[data-kind]");
  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      var shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      feed.classList.toggle("without-" + button.getAttribute("data-kind"), !shown);
    });
  });

  var source = new EventSource("/live/events");
  source.onopen = function () { connection.textContent = "live"; connection.className = "on"; };
  source.onerror = function () { connection.textContent = "not connected"; connection.className = ""; };
  ["click", "lead", "conversion", "pixel", "told", "rejection", "start"].forEach(function (kind) {
    source.addEventListener(kind, function (event) { arrived(kind, event); });
  });

  // A server that was started anew tells from its own beginning what is to be shown.
  function arrived(kind, event) {
    var of = event.lastEventId.split("-")[0];
    if (run !== null && run !== of) { feed.replaceChildren(); counts = {}; buttons.forEach(count); }
    run = of;
    var row = JSON.parse(event.data);
    // A pixel that made something is shown as what it made.
    if (kind === "pixel" && MADE.includes(row.disposition)) return;
    if (kind === "pixel") kind = "rejection";
    var make = { click: click, lead: lead, conversion: conversion, told: told, rejection: rejection, start: start };
    var card = row.form ? refusedPixel(row) : make[kind](row);
    card.classList.add(kind);
    if (row.why) card.append(element("p", "why", row.why));
    if (OFFERED.includes(row.status)) card.append(buyers(row));
    var earlier = card.id && document.getElementById(card.id);
    if (earlier) change(earlier, card);
    else { place(card); counts[kind] = (counts[kind] || 0) + 1; }
    if (isSought(card)) seek(card, earlier && earlier.classList.contains("sought"));
    empty.hidden = true;
    buttons.forEach(count);
  }

  // Newest first, by the time that is shown.
  function place(card) {
    var at = Date.parse(card.querySelector("time").dateTime);
    card.dataset.at = at;
    var below = Array.from(feed.children).find(function (other) { return Number(other.dataset.at) <= at; });
    feed.insertBefore(card, below || null);
  }

  // What changes stays where it is: it came when it came.
  function change(earlier, card) {
    card.dataset.at = earlier.dataset.at;
    card.dataset.was = earlier.dataset.status !== card.dataset.status ? earlier.dataset.status : earlier.dataset.was || "";
    var was = card.dataset.was ? "changed, was " + card.dataset.was : "changed";
    card.querySelector(".facts").append(element("span", "was", was));
    card.classList.add("changed");
    var opened = earlier.querySelector("details[open]") && card.querySelector("details");
    earlier.replaceWith(card);
    if (opened) opened.open = true;
  }

  // The site's page of a lead leads to its card. It knows the person, and not always the id.
  function isSought(card) {
    return Boolean(sought) && card.dataset.email === sought;
  }

  function takeSought() {
    var email = new URLSearchParams(location.hash.slice(1)).get("email");
    if (!email) return;
    sought = email.trim().toLowerCase();
    // Else the same link a second time would be no change, and nobody told of it.
    history.replaceState(null, "", location.pathname);
  }

  function seek(card, wasFound) {
    feed.querySelectorAll(".sought").forEach(function (other) { other.classList.remove("sought"); });
    card.classList.add("sought");
    if (wasFound) return;
    var asked = card.querySelector("details");
    if (asked) asked.open = true;
    card.scrollIntoView({ block: "center" });
  }

  window.addEventListener("hashchange", function () {
    takeSought();
    var found = Array.from(feed.children).find(isSought);
    if (found) seek(found, false);
  });

  function count(button) {
    button.querySelector("b").textContent = counts[button.getAttribute("data-kind")] || 0;
  }

  function click(row) {
    var what = row.duplicate ? "Click again" : row.disposition === "ok" ? "Click" : "Click diverted";
    var card = begin(row, what, row.affiliate, row.offer);
    var facts = [["session", row.request_id], ["by", SOURCES[row.source]]];
    facts.push(["s1", row.sub_ids[0]]);
    if (row.disposition !== "ok") facts.unshift(["", row.disposition, "bad"]);
    if (row.non_human) facts.push(["", row.non_human, "muted"]);
    if (row.test) facts.push(["", "test", "muted"]);
    return end(card, row, facts);
  }

  function lead(row) {
    var card = begin(row, "Lead", row.affiliate, row.offer);
    card.id = "lead-" + row.id;
    card.dataset.status = row.status.replace(/_/g, " ");
    card.dataset.email = (row.fields.email_address || "").toLowerCase();
    var person = [row.fields.first_name, row.fields.last_name].filter(Boolean).join(" ");
    var facts = [
      ["", ATTRIBUTIONS[row.attribution], "by-" + row.attribution],
      ["session", row.request_id],
      ["", row.post + " post"],
      ["lead", row.id],
      ["", row.status.replace(/_/g, " "), "status-" + row.status],
      ["earns", row.payout]
    ];
    row.sales.forEach(function (sale) {
      // Else it would look like one that was given away.
      var free = sale.replaces ? ", in place of lead " + sale.replaces + " that it gave back" : "";
      facts.push(["", "sold to " + named(names.buyers, sale.buyer, "buyer") + " for " + sale.price + free, "sold"]);
    });
    facts.push(["", person, "muted"]);
    if (row.test) facts.push(["", "test", "muted"]);
    return end(card, row, facts);
  }

  // Who was asked for the lead, read when somebody wants to know.
  function buyers(row) {
    var part = element("details", "buyers");
    part.append(element("summary", "", "Which buyers were asked, and why they bought or did not"));
    part.addEventListener("toggle", async function () {
      if (!part.open) return;
      part.querySelectorAll(":scope > :not(summary)").forEach(function (old) { old.remove(); });
      var answer = await fetch("/live/leads/" + row.id + "/explain").catch(function () { return null; });
      var told = answer && answer.ok ? await answer.json() : null;
      if (!told) part.append(element("p", "muted", "The server cannot be asked."));
      // A run that the server's end broke off recorded nothing but what was sent.
      else if (!told.runs) part.append(element("p", "muted", told.broken_off ? BROKEN_OFF : UNOFFERED[row.status] || "It was never offered."));
      else part.append(table(told));
      part.append(element("p", "muted", "The same in a terminal: " + names.explain.replace("LEAD", row.id)));
    });
    return part;
  }

  function table(told) {
    var made = element("table");
    told.contracts.forEach(function (one) {
      var line = made.insertRow();
      if (one.result === "sold") line.className = "sold";
      line.append(element("td", "", named(names.contracts, one.contract, "contract")));
      line.append(element("td", "result", one.result.replace(/_/g, " ")));
      var why = element("td", "", one.text);
      one.attempts.forEach(function (attempt) {
        var took = Object.values(attempt.ms).reduce(function (sum, ms) { return sum + (ms || 0); }, 0);
        var price = attempt.read.price ? ", " + attempt.read.price : "";
        why.append(element("div", "muted", attempt.kind + ": " + attempt.outcome.replace(/_/g, " ") + price + ", " + took + " ms"));
      });
      line.append(why);
    });
    return made;
  }

  function rejection(row) {
    var card = begin(row, "Refused", row.affiliate, row.offer);
    return end(card, row, [["", row.errors.join(" · "), "bad"], ["", row.post + " post"]]);
  }

  function conversion(row) {
    var card = begin(row, "Conversion", row.affiliate, row.offer);
    card.id = "conversion-" + row.id;
    card.dataset.status = row.disposition;
    var facts = [
      ["", row.disposition, row.disposition === "approved" ? "by-cookie" : "bad"],
      ["session", row.request_id],
      ["by", row.source],
      ["order", row.transaction_id],
      ["earns", row.payout],
      ["of", row.received],
      ["lead", row.lead]
    ];
    if (row.test) facts.push(["", "test", "muted"]);
    return end(card, row, facts);
  }

  // What the affiliate's own server and pixel were told.
  function told(row) {
    var card = begin(row, row.by === "postback" ? "Postback" : "HTML pixel", row.affiliate, row.offer);
    var facts = [["", "received by the affiliate", "by-cookie"], ["session", row.request_id], ["order", row.order]];
    return end(card, row, facts.concat([["earned", row.earned]]));
  }

  function refusedPixel(row) {
    var card = begin(row, "Refused pixel", row.affiliate, row.offer);
    var facts = [["", row.disposition, "bad"], ["by", row.form], ["session", row.request_id]];
    row.why += elsewhere(row);
    return end(card, row, facts.concat([["order", row.transaction_id]]));
  }

  // Where browsers send no cookie along.
  function elsewhere(row) {
    if (row.lookup !== "nothing_named" || !URL.canParse(row.referrer || "")) return "";
    var page = new URL(row.referrer);
    if (page.hostname === new URL(names.tracking).hostname) return "";
    return " It came from a page on " + page.host + ", another site than the tracker's: browsers send no cookie along from there.";
  }

  // Where what was there before ends.
  function start(row) {
    var card = begin(row, "Start", null, null);
    var below = row.more ? "the newest " + row.rows + " rows of what the store had already" : "what the store had already";
    card.append(element("p", "why", "The demo was started. Below stands " + below + "; what affiliates' servers and pixels were told then is not shown again."));
    return card;
  }

  function begin(row, what, affiliate, offer) {
    var card = document.createElement("li");
    var head = element("div", "head");
    head.append(element("span", "what", what));
    if (affiliate !== null) {
      var who = element("span", "who", named(names.affiliates, affiliate, "affiliate"));
      if (affiliate === names.internal) who.classList.add("internal");
      else who.style.setProperty("--hue", String((affiliate * 67 + 130) % 360));
      head.append(who);
    }
    if (offer !== null) head.append(element("span", "offer", named(names.offers, offer, "offer")));
    var time = element("time", "", window.moment(new Date(row.at)));
    time.dateTime = row.at;
    head.append(time);
    card.append(head);
    return card;
  }

  // Rows of one session light up together.
  function end(card, row, facts) {
    var list = element("div", "facts");
    facts.forEach(function (fact) {
      if (!fact[1]) return;
      var item = element("span", fact[2] || "");
      if (fact[0]) item.append(element("i", "", fact[0]));
      item.append(fact[0] ? element("code", "", fact[1]) : fact[1]);
      list.append(item);
    });
    card.append(list);
    if (row.request_id) {
      card.dataset.session = row.request_id;
      card.addEventListener("mouseenter", function () { light(row.request_id, true); });
      card.addEventListener("mouseleave", function () { light(row.request_id, false); });
    }
    return card;
  }

  function light(session, on) {
    feed.querySelectorAll("[data-session='" + session + "']").forEach(function (card) {
      card.classList.toggle("lit", on);
    });
  }

  function named(table, id, kind) {
    if (kind === "affiliate" && id === -1) return "Test link";
    return table[id] ? table[id] + " " + id : kind + " " + id;
  }

  function element(name, className, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }
})();
