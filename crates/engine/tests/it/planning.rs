//! Plans: who is a candidate, in which order.

use crate::House;
use vg_core::{Kind, Modality};
use vg_engine::{Ask, Error, Fallback, Plan, Wishes};

const CHAINS: &str = "
fallbacks: { llm: [openai/gpt-4.1-mini, anthropic/claude-haiku-4-5, openai/gpt-4.1, groq/llama-3.3-70b-versatile] }
projects:
  own: { name: Own, fallbacks: { llm: [openai/gpt-4o, openai/gpt-4o-mini] } }
";

fn plan(house: &House, project: &str, model: Option<&str>, wishes: &Wishes) -> Result<Plan, Error> {
    let ask = Ask { modality: Modality::Llm, model, ..Ask::of_project(project) };
    house.engine.plan(&ask, wishes)
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.candidates.iter().map(|candidate| &*candidate.target.model_id).collect()
}

#[test]
fn a_member_of_the_chain_is_followed_by_those_after_it_that_can_be_called() {
    let house = House::new(CHAINS);
    let planned = |project, model| plan(&house, project, model, &Wishes::default()).unwrap();
    // Anthropic and Groq have no key.
    let chain = planned("default", Some("openai/gpt-4.1-mini"));
    assert_eq!(names(&chain), ["openai/gpt-4.1-mini", "openai/gpt-4.1"]);
    assert_eq!(names(&planned("default", Some("openai/gpt-4.1"))), ["openai/gpt-4.1"]);
    assert_eq!(names(&planned("default", Some("openai/gpt-4o"))), ["openai/gpt-4o"]);
}

#[test]
fn a_member_with_a_voice_is_found_without_it_unless_another_is_written_the_same() {
    let house = House::new("fallbacks: {tts: ['cartesia/sonic-3:a', 'deepgram/aura-2:b', cartesia/sonic-3]}");
    let planned = |model| {
        let ask = Ask { modality: Modality::Tts, model: Some(model), ..Ask::of_project("default") };
        house.engine.plan(&ask, &Wishes::default()).unwrap().candidates.len()
    };
    assert_eq!((planned("cartesia/sonic-3:a"), planned("cartesia/sonic-3:other")), (3, 3));
    assert_eq!((planned("deepgram/aura-2"), planned("cartesia/sonic-3")), (2, 1));
}

#[test]
fn without_a_model_the_chain_of_the_project_is_asked_from_its_head() {
    let house = House::new(CHAINS);
    for model in [None, Some("auto")] {
        let own = plan(&house, "own", model, &Wishes::default()).unwrap();
        assert_eq!(
            (names(&own), &*own.asked),
            (vec!["openai/gpt-4o", "openai/gpt-4o-mini"], "openai/gpt-4o")
        );
        let shared = plan(&house, "default", model, &Wishes::default()).unwrap();
        assert_eq!(names(&shared), ["openai/gpt-4.1-mini", "openai/gpt-4.1"]);
    }
}

#[test]
fn a_chain_is_the_same_for_calls_and_for_objects_that_are_built() {
    let house = House::new(&format!("{CHAINS}  chose: {{ name: Chose, llm_model: openai/gpt-4o }}\n"));
    let chain = |project, model, provider| {
        let ask = Ask { modality: Modality::Llm, model, provider, ..Ask::of_project(project) };
        let chain = house.engine.chain(&ask).unwrap();
        (chain.asked.to_string(), chain.first, chain.following.join(" "))
    };
    let of = |asked: &str, following: &str| (asked.to_owned(), asked.to_owned(), following.to_owned());
    let (second, third) = ("anthropic/claude-haiku-4-5", "openai/gpt-4.1");
    let last = "groq/llama-3.3-70b-versatile";
    let all = format!("openai/gpt-4.1-mini {second} {third} {last}");
    assert_eq!(chain("default", Some(second), None), of(second, &format!("{third} {last}")));
    // A provider named beside the model makes the same string.
    assert_eq!(chain("default", Some("gpt-4.1"), Some("openai")), of(third, last));
    assert_eq!(chain("default", Some("openai/gpt-4o"), None), of("openai/gpt-4o", ""));
    // What the project chose is followed by all of the chain.
    assert_eq!(chain("chose", None, None), of("openai/gpt-4o", &all));
    assert_eq!(chain("own", Some("auto"), None), of("openai/gpt-4o", "openai/gpt-4o-mini"));
}

#[test]
fn the_fallbacks_of_the_request_replace_the_chain() {
    let house = House::new(CHAINS);
    let asked = Some("openai/gpt-4.1-mini");
    let wishes = Wishes { fallbacks: Some(vec![Fallback::of("openai/gpt-4o")]), ..Wishes::default() };
    assert_eq!(
        names(&plan(&house, "default", asked, &wishes).unwrap()),
        ["openai/gpt-4.1-mini", "openai/gpt-4o"]
    );
    let none = Wishes { fallbacks: Some(Vec::new()), ..Wishes::default() };
    assert_eq!(names(&plan(&house, "default", asked, &none).unwrap()), ["openai/gpt-4.1-mini"]);
}

#[test]
fn a_fallback_answers_for_a_model_without_a_key_and_the_model_asked_for_stays_known() {
    let house = House::new(CHAINS);
    let planned = plan(&house, "default", Some("anthropic/claude-haiku-4-5"), &Wishes::default()).unwrap();
    assert_eq!(names(&planned), ["openai/gpt-4.1"]);
    assert_eq!(&*planned.asked, "anthropic/claude-haiku-4-5");
}

#[test]
fn a_model_nobody_can_serve_is_refused_with_the_reason() {
    let house = House::new("");
    let kind = |model| plan(&house, "default", Some(model), &Wishes::default()).unwrap_err().kind();
    assert_eq!(kind("nobody/nothing"), Kind::BadRequest);
    assert_eq!(kind("anthropic/claude-haiku-4-5"), Kind::Unauthenticated);
}

#[test]
fn a_provider_alone_means_its_own_choice_of_a_model() {
    let house = House::new("models: {tts: {narrator: {provider: cartesia, model: sonic-2}}}");
    let model = |modality, given: &str| {
        let ask = Ask { modality, model: Some(given), ..Ask::of_project("default") };
        house.engine.plan(&ask, &Wishes::default()).map(|plan| plan.asked.to_string())
    };
    assert_eq!(model(Modality::Stt, "deepgram").unwrap(), "deepgram/nova-3");
    assert_eq!(model(Modality::Tts, "deepgram:thalia").unwrap(), "deepgram/aura-2");
    // The owner's choice comes first.
    assert_eq!(model(Modality::Tts, "cartesia").unwrap(), "cartesia/sonic-2");
    assert!(model(Modality::Llm, "openai").is_err());
}
