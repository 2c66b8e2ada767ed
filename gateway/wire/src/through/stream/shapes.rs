//! Chunks of odd shapes.

use super::meaning::{DONE, finish, pass, says, tokens, used};

#[test]
fn s2_6_behind_the_finish_no_chunk_without_a_choice_reaches_who_asked_for_no_usage() {
    let begun = says(0, "one") + &finish(0, "stop");
    let azure = "data: {\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}\n\n".to_owned();
    for usage in ["{}", "null", "[]", r#"{"prompt_tokens":"10"}"#, r#"{"input_tokens":10,"output_tokens":5}"#]
    {
        let (out, _, whole) = pass(&(azure.clone() + &begun + &used(usage) + DONE));
        assert_eq!((out, whole), (azure.clone() + &begun + DONE, true), "{usage}");
    }
    let other = "data: {\"choices\":[],\"citations\":[\"a\"]}\n\n";
    assert!(pass(&(begun + other + DONE)).0.contains("citations"), "nobody asked for that one");
}

#[test]
fn s2_7_what_is_nested_deeper_than_a_request_may_be_is_read_and_goes_on() {
    for depth in [63, 64, 65, 128, 129, 900] {
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        let chunk = says(0, "one").replacen("\"index\":0", &format!("\"meta\":{deep},\"index\":0"), 1);
        let last = finish(0, "stop").replace(
            "]}\n",
            &format!("],\"meta\":{deep},\"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":2}}}}\n"),
        );
        let text = chunk + &last + DONE;
        let (out, stream, whole) = pass(&text);
        assert_eq!((out, whole, tokens(&stream)), (text, true, Some((1, 2, true))), "{depth}");
    }
    let (out, _, whole) = pass(&format!("data: {{\"choices\":[{{\"a\":{}\n\n", "[".repeat(2000)));
    assert_eq!((out.as_str(), whole), ("", false));
}
