//! What standard libraries drag in is linked, and leads nowhere.

#[tokio::test]
async fn a_flow_sees_nothing_of_the_machine() {
    let ran = crate::common::probe("inert").await;
    for (what, expect) in [
        ("args", "0"),
        ("vars", "0"),
        ("file", "false"),
        ("write", "false"),
        ("listen", "false"),
        ("connect", "false"),
        ("resolve", "false"),
    ] {
        assert_eq!(ran.reported(what), expect, "{what}");
    }
}
