import { money } from "./money.js";
import { list } from "./widgets/list.js";

const main = document.getElementById("list");
const answer = await fetch("/data/catalogue.json");
list(main, (await answer.json()).map((sock) => ({ ...sock, price: money(sock.price) })));

document.querySelector("h1").addEventListener("click", async () => {
  const { open } = await import("./widgets/basket.js");
  open();
});

async function locale() {
  const code = navigator.language.slice(0, 2);
  return (await fetch(`/data/locale-${code}.json`)).json();
}

new Worker("/js/worker.js", { type: "module" }).onmessage = async () => console.log(await locale());
