// The whole journey with types that openapi-typescript generates: compiled by
// test_generated_clients.py, and an example.

import createClient from "openapi-fetch";
import type { components, paths } from "ultrai-core-api";

type Analysis = components["schemas"]["AnalysisDetail"];
type Problem = components["schemas"]["Problem"];

function must<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? "no answer");
  return answer.data;
}

export async function journey(baseUrl: string, file: File): Promise<string> {
  const client = createClient<paths>({ baseUrl });
  const account = { email: "grace@example.com", password: "a long enough password" };
  must(await client.POST("/auth/register", { body: { ...account, username: "Grace" } }));
  const pair = must(await client.POST("/auth/login", { body: account }));
  client.use({
    onRequest: ({ request }) => request.headers.set("Authorization", `Bearer ${pair.access_token}`),
  });

  const uploaded = must(
    await client.POST("/documents", {
      body: { file: "" },
      bodySerializer: () => {
        const form = new FormData();
        form.append("file", file);
        return form;
      },
    }),
  );
  const offered = must(await client.GET("/models")).results;
  let analysis: Analysis = must(
    await client.POST("/analyses", {
      params: { header: { "Idempotency-Key": "journey" } },
      body: {
        document_id: uploaded.id,
        prompt: "What will it cost?",
        models: offered.map((model) => model.id),
        mode: "synthesis",
      },
    }),
  );
  while (analysis.status === "queued" || analysis.status === "running") {
    const params = { path: { id: analysis.id }, query: { wait: 30 } };
    analysis = must(await client.GET("/analyses/{id}", { params }));
  }

  // Each of these must be an error: the types know the API.
  // @ts-expect-error  there is no such path
  void client.GET("/nowhere");
  // @ts-expect-error  an id is a number
  void client.GET("/documents/{id}", { params: { path: { id: "one" } } });
  // @ts-expect-error  there is no such mode
  const mode: components["schemas"]["AnalysisMode"] = "quarrel";
  void mode;

  const params = { path: { id: analysis.id }, query: { format: "md" as const } };
  return must(await client.GET("/analyses/{id}/export", { params, parseAs: "text" })) as string;
}
