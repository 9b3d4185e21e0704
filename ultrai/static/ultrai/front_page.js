// Draws each picture of the front page from the table below it, in the stylesheet's colours.
"use strict";
{
    const number = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });
    const isDark = window.matchMedia("(prefers-color-scheme: dark)");
    const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)");
    let charts = [];

    function seriesOf(table, place, colourOf) {
        const heading = table.tHead.rows[0].cells[place];
        return {
            label: heading.textContent,
            backgroundColor: colourOf(`--c-${heading.dataset.colour}`),
            data: Array.from(table.tBodies[0].rows, (row) => Number(row.cells[place].dataset.value ?? 0)),
        };
    }

    function draw(figure) {
        const table = figure.closest(".panel").querySelector("table");
        const style = getComputedStyle(document.documentElement);
        const colourOf = (name) => style.getPropertyValue(name).trim();
        const labels = Array.from(table.tBodies[0].rows, (row) => row.cells[0].textContent);
        const places = figure.dataset.columns.split(",").map(Number);
        const isLying = figure.dataset.kind === "lying";
        const stacked = figure.dataset.stacked === "yes";
        const unit = figure.dataset.unit ? ` ${figure.dataset.unit}` : "";
        const ticks = { color: colourOf("--body-fg") };
        const names = { stacked, ticks, grid: { display: false } };
        const values = {
            stacked,
            beginAtZero: true,
            ticks: { ...ticks, precision: unit ? undefined : 0, maxTicksLimit: 6 },
            grid: { color: colourOf("--hairline-color") },
        };
        if (isLying) { // as high as it has bars
            const bars = labels.length * (stacked ? 1 : places.length);
            figure.querySelector(".canvas").style.height = `${80 + 26 * bars}px`;
        }
        charts.push(new Chart(figure.querySelector("canvas"), {
            type: "bar",
            data: { labels, datasets: places.map((place) => seriesOf(table, place, colourOf)) },
            options: {
                animation: isCalm.matches ? false : { duration: 300 },
                indexAxis: isLying ? "y" : "x",
                interaction: { mode: "index", axis: isLying ? "y" : "x", intersect: false },
                maintainAspectRatio: false,
                maxBarThickness: 22,
                plugins: {
                    legend: { display: places.length > 1, labels: { color: colourOf("--body-fg"), boxWidth: 12 } },
                    tooltip: {
                        callbacks: {
                            label: (item) => `${item.dataset.label}: ${number.format(item.raw)}${unit}`,
                        },
                    },
                },
                scales: isLying ? { x: values, y: names } : { x: names, y: values },
            },
        }));
    }

    function drawAll() {
        charts.forEach((chart) => chart.destroy());
        charts = [];
        document.querySelectorAll("figure.picture").forEach(draw);
    }

    drawAll();
    isDark.addEventListener("change", drawAll);
    isCalm.addEventListener("change", drawAll);
    new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
