// Times as people read them: by the browser's own clock, to the second.
(function () {
  "use strict";

  // The day too, where it is another: lists go back further than that.
  window.moment = function (at) {
    var time = at.toLocaleTimeString([], { hour12: false });
    return at.toDateString() === new Date().toDateString() ? time : at.toLocaleDateString() + " " + time;
  };

  document.querySelectorAll("time[datetime]").forEach(function (time) {
    time.textContent = window.moment(new Date(time.dateTime));
  });
})();
