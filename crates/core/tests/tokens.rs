//! The token counter against the reference implementation, and against what OpenAI's API counted.

use std::time::{Duration, Instant};

use proptest::{
    char::range,
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof},
    proptest,
    sample::select,
};
use serde_json::json;
use tiktoken_rs::o200k_base_singleton;
use vg_core::tokens::{chat_prompt, count};

fn reference(text: &str) -> u64 {
    o200k_base_singleton().encode_ordinary(text).len() as u64
}

/// Texts that have found mistakes in tokenizers, or would.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "Hello, how can I help you today?",
    "The quick brown fox jumps over the lazy dog.",
    "I'd say they're sure we've won; it's what she'll want, isn't it? I'm glad.",
    "I'D SAY THEY'RE SURE WE'VE WON; IT'S WHAT SHE'LL WANT, ISN'T IT? I'M GLAD.",
    "i'Ll we'vE They'Re DON'T don'T it'S it'\u{17f} x'lL'S 's 'S ''s 'quoted' rock 'n' roll",
    "'sabc 'tis 'll 're've'm'd",
    "camelCaseName PascalCaseName SCREAMING_SNAKE_CASE kebab-case XMLHttpRequest iPhone McDonald's",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "1 12 123 1234 12345 3.14159 1,000,000 0x7fff 1e-9 2026-08-01T12:34:56Z +1 (555) 010-9999",
    "½ ² ٣٤٥٦ ५६७८ Ⅻ ①②③④ 𝟘𝟙𝟚𝟛𝟜",
    "fn main() {\n    println!(\"{}\", 1 + 1);\n}\n",
    "def f(x):\n\treturn {k: v for k, v in x.items() if v != None}  # why\n\n\n",
    "#include <stdio.h>\r\nint main(void) {\r\n\treturn 0;\r\n}\r\n",
    "SELECT * FROM lines WHERE cost >= 0.5 AND name LIKE '%x%'; -- done",
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}",
    "https://example.com/a/b/c?d=e&f=%20g#h //// /\n/ ///\r\n/x",
    "<html><body class=\"x\">&nbsp;</body></html>",
    "<|endoftext|> <|endofprompt|> <|im_start|>user<|im_end|>",
    "a  b   c    d     e",
    "a\tb\t\tc\t\t\td",
    "a \n b \r\n c \r d\n\n\ne \n\n \n  f",
    "   leading and trailing   ",
    "trailing newline\n",
    "trailing spaces and newline  \n  ",
    "\n\n\n",
    "\r\n\r\n",
    " \n",
    "\n ",
    "\t\n\t",
    "\u{a0}nbsp\u{a0}\u{a0}x\u{2003}em\u{3000}ideographic\u{2028}line\u{2029}paragraph\u{85}next\u{b}\u{c}",
    "\u{feff}bom \u{200b}zero\u{200b} \u{200d}\u{200c} \u{ad}soft",
    "\0\u{1}\u{2}\u{7f}\u{80}\u{9f}\u{1b}[31mred\u{1b}[0m",
    "Größe, Straße, Übergröße; café, naïve, Ångström, Łódź, İstanbul, ıspanak",
    "e\u{301}cole cafe\u{301} A\u{30a}ngstro\u{308}m \u{301}\u{301} \u{301}abc \u{301}ABC \u{301}'s x\u{301}'s",
    "\u{301}A \u{301}\u{301}A A\u{301}B AB\u{301}C AB\u{301}'s ABC\u{301} !\u{301}AB !\u{301} !\u{301}a",
    "ªABC AªBC ABªC'd ABCª'd ʰAB ABʰ ǅungla ǅUNGLA ǅ ﬁne ßẞ",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. МОСКВА Москва",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΑΘΗΝΑ",
    "דג סקרן שט בים מאוכזב ולפתע מצא לו חברה",
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر",
    "مُحَمَّد الْعَرَبِيَّة",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश",
    "আমার সোনার বাংলা আমি তোমায় ভালোবাসি",
    "தமிழ் மொழி அழகானது",
    "తెలుగు భాష ಕನ್ನಡ മലയാളം ગુજરાતી ਪੰਜਾਬੀ සිංහල",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า",
    "ພາສາລາວ ភាសាខ្មែរ မြန်မာဘာသာ བོད་སྐད་",
    "我能吞下玻璃而不伤身体。請問您今天需要什麼幫助?",
    "いろはにほへと ちりぬるを カタカナ ひらがな 漢字 ー々〆",
    "お誕生日おめでとう",
    "다람쥐 헌 쳇바퀴에 타고파 안녕하세요",
    "ქართული ენა Հայերեն አማርኛ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ",
    "Tiếng Việt có nhiều dấu thanh; Người Việt",
    "𝒜𝓃 𝔄𝔫 𝖠𝗇 𐐀𐐨 𓀀𓁐 𒀀 𠜎𠜱",
    "👍 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇳 1️⃣ ❤️ ☺ 🤦🏼‍♂️🎉🎉🎉",
    "text👍text 👍text👍 TEXT👍Text",
    "$5 €10 £20 ¥30 ₹40 5% ±3° ©®™ №5 §7",
    "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, α ∧ ¬β ⇒ ∑ᵢ xᵢ² ≤ ∞",
    "─────│┌┐└┘├┤ ████▒▒░░ ••• … — – ‐ “q” ‘q’ «q»",
    "!!!???... --- === *** ___ ### ~~~ ``` ::: ;;; ,,,",
    "!abc ?ABC -Abc .abC (a) [B] {c} @user #tag _id $VAR %s &amp",
    " !abc  !abc ! abc !\nabc !\n\n/abc",
    "a1b2c3 A1B2 1a 12a 123a 1234a a1234",
    "x\u{e000}\u{f8ff} \u{10ffff} \u{fffd} \u{378} \u{fdd0}",
    "ſtrange 'ſ K'K \u{212a}\u{212b} I'ſ",
    "The the THE tHE thE ThE",
    "Mr. O'Neil's o'clock y'all'd've DON’T don’t it’s",
    "aaaaaaaa bbbbbbb AAAAAAAA abababab xyzxyzxyz",
    "lorem\tipsum\u{b}dolor\u{c}sit\u{1c}amet\u{1f}x",
    "== == ==\n\n\n--\n--",
    "9 99 999 9999 99999 999999 9999999",
];

#[test]
fn counts_are_those_of_the_reference() {
    for text in TEXTS {
        assert_eq!(count(text), reference(text), "{text:?}");
    }
    let all = TEXTS.join("\n");
    assert_eq!(count(&all), reference(&all));
}

#[test]
fn a_character_of_every_kind_is_cut_as_in_the_reference() {
    // Above the second plane there are few kinds, in large blocks.
    let low = '\0'..'\u{20000}';
    let high = ('\u{20000}'..=char::MAX).step_by(251);
    let characters: Vec<char> = low.chain(high).collect();
    for characters in characters.chunks(32) {
        let text: String = characters.iter().flat_map(|one| [*one, 'a', 'A', *one, ' ', *one]).collect();
        assert_eq!(count(&text), reference(&text), "{text:?}");
    }
}

#[test]
fn every_token_counts_as_in_the_reference() {
    let bpe = o200k_base_singleton();
    for rank in 0..199_998 {
        if let Ok(token) = String::from_utf8(bpe.decode_bytes(&[rank]).unwrap()) {
            assert_eq!(count(&token), reference(&token), "{token:?}");
        }
    }
}

#[test]
fn runs_of_any_length_count_as_in_the_reference() {
    for unit in [
        " ", "a", "A", "-", "=", "*", "\n", "\r\n", "\t", " \n", "ab", "aB", "的", "ก", "é", "👍", "\u{301}",
        "7", "/", "_",
    ] {
        for length in (1..=40).chain([64, 65, 80, 81, 96, 127, 128, 129, 257, 1000]) {
            let run = unit.repeat(length);
            for text in [run.clone(), format!("{run}x"), format!("x{run} x")] {
                assert_eq!(count(&text), reference(&text), "{length} of {unit:?}");
            }
        }
    }
}

#[test]
fn time_grows_in_proportion_to_the_text() {
    for unit in [" ", "a", "-", "ab", "\u{301}", "A\u{301}", "\n "] {
        let started = Instant::now();
        let tokens = count(&unit.repeat(50_000 / unit.len()));
        assert!(tokens > 200, "{unit:?} gave {tokens}");
        // A quadratic count would take minutes; the bound leaves room for a slow machine without optimisation.
        assert!(started.elapsed() < Duration::from_secs(30), "{unit:?} took {:?}", started.elapsed());
    }
}

fn text() -> impl Strategy<Value = String> {
    let known = select(vec![
        " ", "  ", "\n", "\r\n", "\t", "'", "'s", "'LL", "'Ve", "/", "!", "--", "\u{301}", "ª", "ʰ", "ǅ",
        "ß", "ſ", "a", "Z", "the", "The", " and", "ing", "TION", "1", "23", "½", "的", "是", "ก", "ा", "क",
        "ع", "👍", "\u{200d}", "🏽", "\u{a0}", "\u{3000}",
    ]);
    let piece = prop_oneof![
        6 => known.prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        2 => (b' '..=b'~').prop_map(|byte| char::from(byte).to_string()),
        1 => range('\u{80}', '\u{24ff}').prop_map(String::from),
        1 => (range('a', 'z'), 1..12_usize).prop_map(|(letter, times)| letter.to_string().repeat(times)),
        1 => vec(range('a', 'z'), 1..14).prop_map(|letters| letters.into_iter().collect()),
    ];
    prop_oneof![9 => vec(piece, 0..9).prop_map(|pieces| pieces.concat()), 1 => any::<String>(), 1 => Just(String::new())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_counts_as_in_the_reference(text in text()) {
        prop_assert_eq!(count(&text), reference(&text));
    }
}

/// The cookbook's example requests; the API counted the same for gpt-4o and gpt-4o-mini.
#[test]
fn chat_prompts_count_what_the_api_counted() {
    let messages = json!([
        {"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
        {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
        {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
        {"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
        {"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
        {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."},
    ]);
    assert_eq!(chat_prompt(&messages, None), 124);

    let messages = json!([
        {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
        {"role": "user", "content": "What's the weather like in San Francisco?"},
    ]);
    let tools = json!([{"type": "function", "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {"type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["location"],
        },
    }}]);
    assert_eq!(chat_prompt(&messages, Some(&tools)), 101);
}

#[test]
fn text_parts_count_as_text_and_other_parts_do_not_count() {
    let plain = json!([{"role": "user", "content": "What is this?"}]);
    let parts = json!([{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/image.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ]}]);
    assert_eq!(chat_prompt(&plain, None), 3 + count("user") + count("What is this?") + 3);
    assert_eq!(chat_prompt(&parts, None), chat_prompt(&plain, None));
}

#[test]
fn tool_calls_count_their_names_and_arguments() {
    let messages = json!([{"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "book_visit", "arguments": "{\"day\":\"Monday\"}"}},
    ]}]);
    let calls = count("book_visit") + count("{\"day\":\"Monday\"}");
    assert_eq!(chat_prompt(&messages, None), 3 + count("assistant") + calls + 3);
}

#[test]
fn what_a_request_lacks_counts_nothing() {
    assert_eq!(chat_prompt(&json!([]), Some(&json!([]))), 3);
    assert_eq!(chat_prompt(&json!(null), None), 3);
    let bare = json!([{"type": "function", "function": {"name": "hang_up"}}]);
    assert_eq!(chat_prompt(&json!([]), Some(&bare)), 3 + 7 + count("hang_up:") + 12);
    let flat = json!([{"type": "function", "name": "hang_up"}]);
    assert_eq!(chat_prompt(&json!([]), Some(&flat)), chat_prompt(&json!([]), Some(&bare)));
}
