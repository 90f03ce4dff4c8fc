"use strict";
// Shows the tasks of STUDY (protocol.js) by jsPsych and keeps one worker's answers, a sheet:
//
//   {study, sheet, worker, begun, ended, agent, answers: [{task, item, practice, answer, ms}]}
//
// `ms` counts from the picture's end. The sheet, with what is still to be shown, is in the browser's own storage after
// every answer, so that a page that was closed goes on where it was. At the end it is posted, where STUDY says whereto,
// and given as files in any case.
//
// index.html?worker=NAME says who answers (workerId and PROLIFIC_PID do, too), index.html?task=pose asks one task alone.
(() => {
  const query = new URLSearchParams(location.search);
  const asked = (query.get("task") || STUDY.tasks.map((task) => task.name).join(",")).split(",");
  const named = query.get("worker") || query.get("workerId") || query.get("PROLIFIC_PID") || "";
  const place = `dpt-study/${STUDY.study}/${asked}/${named}`;
  const KEYS = ["F", "J"];
  const COLUMNS = ["study", "sheet", "worker", "begun", "ended", "task", "item", "practice", "answer", "ms"];
  const stage = document.getElementById("stage");
  const end = document.getElementById("end");
  const jsPsych = initJsPsych({ display_element: stage });

  function remember(sheet) {
    try { localStorage.setItem(place, JSON.stringify(sheet)); } catch { /* a window without storage: the files remain */ }
  }

  function remembered() {
    try { return JSON.parse(localStorage.getItem(place)); } catch { return null; }
  }

  function code() {
    return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** A sheet without answers: practice before the rest, both in an order of their own. */
  function blank() {
    const order = STUDY.tasks.filter((task) => asked.includes(task.name)).flatMap((task) =>
      [true, false].flatMap((practice) =>
        jsPsych.randomization.shuffle(practice ? task.practice : task.scored)
          .map((item) => ({ task: task.name, item, practice }))));
    const sheet = code();
    const worker = named.replace(/[^A-Za-z0-9_.]/g, "_").slice(0, 64) || sheet;
    const begun = new Date().toISOString();
    return { study: STUDY.study, sheet, worker, begun, ended: "", agent: navigator.userAgent, order, answers: [] };
  }

  function files(item) {
    return item.split("-").map((number) => `pictures/${number}.png`);
  }

  function words(title, paragraphs, button, part = "") {
    const text = `<div class="text"><p class="part">${part}</p><h1>${title}</h1>${paragraphs.map((each) => `<p>${each}</p>`).join("")}</div>`;
    return { type: jsPsychHtmlButtonResponse, stimulus: text, choices: [button] };
  }

  function shown(one, task, position, many) {
    const pictures = files(one.item).map((file) => `<img src="${file}" alt="" decoding="sync">`).join("");
    return {
      type: jsPsychHtmlButtonResponse,
      stimulus: `<div class="pictures">${pictures}</div>`,
      choices: task.answers.map((answer, k) => `${answer} <kbd>${KEYS[k]}</kbd>`),
      prompt: `<p class="asked">${task.question}</p>
        <p class="counter">${one.practice ? "Practice" : "Picture"} ${position} of ${many}</p>`,
      stimulus_duration: STUDY.exposure_ms,
      enable_button_after: STUDY.exposure_ms,
      post_trial_gap: 0.3 * STUDY.exposure_ms,
    };
  }

  function judged(one, task, sheet) {
    const truth = task.truth[one.item];
    const text = () => sheet.answers.at(-1).answer === truth
      ? `<p class="right">Right: it is ${truth}.</p>` : `<p class="wrong">No: it is ${truth}.</p>`;
    return { type: jsPsychHtmlButtonResponse, stimulus: text, choices: [], trial_duration: STUDY.exposure_ms };
  }

  /** What is left of a task, for jsPsych. */
  function timeline(task, sheet, left) {
    const of = (practice) => sheet.order.filter((one) => one.task === task.name && one.practice === practice);
    const [first, rest] = [of(true), of(false)];
    const seconds = STUDY.exposure_ms / 1000;
    const during = `${task.name === "pose" ? "The pictures are" : "Each picture is"} seen for
      ${seconds === 1 ? "one second" : `${seconds} seconds`}. Then answer by the buttons or the keys
      <kbd>${KEYS[0]}</kbd> and <kbd>${KEYS[1]}</kbd>; take the time you need.`;
    const practice = first.length ? [`The first ${first.length} are for practice and do not count.`] : [];
    const parts = STUDY.tasks.filter((each) => asked.includes(each.name));
    const part = parts.length > 1 ? `Part ${parts.indexOf(task) + 1} of ${parts.length}` : "";
    const steps = [words(task.question, [...task.about, during, ...practice], "Start", part)];
    for (const one of left.filter((each) => each.task === task.name)) {
      const list = one.practice ? first : rest;
      if (one === rest[0] && first.length) {
        steps.push(words("Practice is over", [`The next ${rest.length} count.`], "Go on"));
      }
      steps.push({
        ...shown(one, task, list.indexOf(one) + 1, list.length),
        on_finish: (data) => {
          const ms = data.rt - STUDY.exposure_ms;
          sheet.answers.push({ ...one, answer: task.answers[data.response], ms });
          remember(sheet);
        },
      });
      if (task.truth[one.item]) steps.push(judged(one, task, sheet));
    }
    return steps;
  }

  function table(sheet) {
    const rows = sheet.answers.map((answer) => COLUMNS.map((name) => String({ ...sheet, ...answer }[name])).join(","));
    return [COLUMNS.join(","), ...rows].join("\r\n") + "\r\n";
  }

  function link(name, text, type) {
    const one = document.createElement("a");
    one.className = "save";
    one.download = name;
    one.href = URL.createObjectURL(new Blob([text], { type }));
    one.textContent = `Save as ${name.split(".").at(-1).toUpperCase()}`;
    return one;
  }

  async function post(data) {
    try {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(STUDY.save_to, { method: "POST", headers, body: data });
      return answer.ok;
    } catch { return false; }
  }

  /** The sheet as it is sent and saved: without the order, which the answers are in. */
  async function finish(sheet) {
    const { order, saved, ...kept } = sheet;
    const data = JSON.stringify(kept, null, 1);
    if (STUDY.save_to && !saved && (sheet.saved = await post(data))) remember(sheet);
    const [note, style] = !STUDY.save_to ? ["Please save your answers and send the file to whoever asked you.", ""]
      : sheet.saved ? ["Your answers have been sent. You may keep a copy.", "sent"]
        : ["Your answers could not be sent. Please save them and send the file to whoever asked you; "
          + "reloading this page tries again.", "failed"];
    end.innerHTML = `<div class="text"><h1>Thank you</h1><p class="note ${style}">${note}</p><div class="saves"></div>
      <p>Your code is <b>${kept.sheet}</b>.</p><button id="next">Start anew for another person</button></div>`;
    const name = `answers-${kept.worker}-${kept.sheet}`;
    end.querySelector(".saves").append(
      link(`${name}.json`, data, "application/json"), link(`${name}.csv`, table(kept), "text/csv"));
    const next = end.querySelector("#next");
    next.disabled = !sheet.saved; // what is neither sent nor saved would be lost
    end.querySelector(".saves").addEventListener("click", () => { next.disabled = false; });
    next.addEventListener("click", () => {
      try { localStorage.removeItem(place); } catch { /* nothing was kept */ }
      location.reload();
    });
    stage.hidden = true;
    end.hidden = false;
  }

  async function run() {
    const unknown = asked.filter((name) => !STUDY.tasks.some((task) => task.name === name));
    if (unknown.length) {
      stage.textContent = `This study has no task ${unknown.join(", ")}; it has ${STUDY.tasks.map((t) => t.name).join(", ")}.`;
      return;
    }
    const sheet = remembered() || blank();
    const left = sheet.order.slice(sheet.answers.length);
    if (left.length) {
      const images = [...new Set(left.flatMap((one) => files(one.item)))];
      const broken = "<p class='failed'>The pictures cannot be loaded. Please try again later.</p>";
      const tasks = STUDY.tasks.filter((task) => left.some((one) => one.task === task.name));
      await jsPsych.run([
        { type: jsPsychPreload, images, message: "<p>The pictures are loading.</p>", error_message: broken },
        ...tasks.flatMap((task) => timeline(task, sheet, left)),
      ]);
      sheet.ended = new Date().toISOString();
      remember(sheet);
    }
    await finish(sheet);
  }

  document.addEventListener("keydown", (event) => {
    const choice = KEYS.indexOf(event.key.toUpperCase());
    if (choice < 0 || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const buttons = stage.querySelectorAll("[data-choice]:not(:disabled)");
    if (buttons.length === 2) buttons[choice].click();
  });

  run();
})();
