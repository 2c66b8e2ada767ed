//! An app that knows nothing of Weir, in a pod whose environment is its key's Secret.

use super::weir;

const APP: &str = r#"
import os
from openai import OpenAI, AuthenticationError
client = OpenAI(max_retries=0)
question = [{"role": "user", "content": "Hello"}]
print("url:", client.base_url)
print("models:", sorted(model.id for model in client.models.list()))
for _ in range(50):
    answer = client.chat.completions.create(model="chat", messages=question)
    assert answer.choices[0].message.content == "Hello", answer
    assert answer.usage.total_tokens > 0, answer
print("answers: 50")
for _ in range(10):
    stream = client.chat.completions.create(model="gpt-4o-mini", messages=question, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == "Hello", text
print("streams: 10")
try:
    OpenAI(api_key="weir_wrong", max_retries=0).models.list()
except AuthenticationError as error:
    print("refused:", error.status_code)
"#;

/// One of the quickstart's vendors refuses four of ten: no app ever sees it, and its SDK never tries again.
#[tokio::test]
async fn an_app_with_openais_sdk_gets_all_its_answers_through_the_services_name() {
    let weir = weir("app").await;
    let ran = weir.node().python(weir.namespace(), "app", APP, Some("quickstart-llm")).await.unwrap();
    let said = ran.successfully().unwrap();
    let namespace = weir.namespace();
    assert!(said.contains(&format!("url: http://default-gateway.{namespace}.svc/v1/")), "{said}");
    for line in ["models: ['chat', 'gpt-4o-mini']", "answers: 50", "streams: 10", "refused: 401"] {
        assert!(said.contains(line), "{line} in {said}");
    }
}
