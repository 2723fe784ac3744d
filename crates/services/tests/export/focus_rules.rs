//! The rules of FOCUS for the Cost and Usage dataset, as far as a file alone can keep or break them. They are those of
//! the specification's requirements model (github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec,
//! `specification/requirements_model/releases/1.2` and `1.4`, and the attributes NumericFormat, DateTimeFormat, UnitFormat,
//! KeyValueFormat, NullHandling and ColumnHandling of the same versions, read 2026-11-21). Rules about discounts for
//! commitments, split costs, capacity reservations, regions, resources and virtual currencies concern columns that are
//! not written.

use crate::csv_reader::{self, Table};
use std::collections::{HashMap, HashSet};
use vg_core::decimal::Decimal;
use vg_services::export::focus::Version;

/// Columns every dataset of both versions has.
const MANDATORY: [&str; 19] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
];

/// Columns that a dataset has when the provider measures usage, has price lists, sub accounts and tags, as all of them
/// here do; and those recommended that the ledger knows.
const EXPECTED: [&str; 15] = [
    "ChargeFrequency",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCategory",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_Unpriced",
];

/// Further columns of both versions, none of which is written.
const OTHERS: [&str; 22] = [
    "AvailabilityZone",
    "BillingAccountType",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "InvoiceId",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "SubAccountType",
];

const fn providers(version: Version) -> [&'static str; 2] {
    match version {
        Version::V1_2 => ["ProviderName", "PublisherName"],
        Version::V1_4 => ["HostProviderName", "ServiceProviderName"],
    }
}

const NEVER_NULL: [&str; 19] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SubAccountId",
];

const DECIMALS: [&str; 8] = [
    "BilledCost",
    "ConsumedQuantity",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "PricingQuantity",
];

const INSTANTS: [&str; 4] =
    ["BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"];

const ALLOWED: [(&str, &[&str]); 6] = [
    ("ChargeCategory", &["Usage", "Purchase", "Tax", "Credit", "Adjustment"]),
    ("ChargeClass", &["Correction"]),
    ("ChargeFrequency", &["One-Time", "Recurring", "Usage-Based"]),
    ("PricingCategory", &["Standard", "Dynamic", "Committed", "Other"]),
    ("ServiceCategory", &["AI and Machine Learning"]),
    (
        "ServiceSubcategory",
        &[
            "AI Platforms",
            "Bots",
            "Generative AI",
            "Machine Learning",
            "Natural Language Processing",
            "Other (AI and Machine Learning)",
        ],
    ),
];

/// What a price has and a charge without one has not.
const OF_A_SKU_PRICE: [&str; 8] = [
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "SkuPriceId",
];

/// Every rule that is broken, as `row 3: ListCost is not the product`. Rows that say they have no price break the
/// two rules that ask for one, which is not told: FOCUS has no word for a price that is not known.
pub fn violations(version: Version, text: &str) -> Vec<String> {
    let table = csv_reader::read(text);
    let mut broken = columns(version, &table);
    for (number, row) in table.rows.iter().enumerate() {
        let row = Row { fields: row };
        let mut of_row = Vec::new();
        row.formats(version, &mut of_row);
        row.nulls(version, &mut of_row);
        row.amounts(&mut of_row);
        broken.extend(of_row.into_iter().map(|text| format!("row {}: {text}", number + 2)));
    }
    broken.extend(parents(&table));
    broken
}

/// CostAndUsage-D-*: presence; ColumnHandling: names, order, no column twice.
fn columns(version: Version, table: &Table) -> Vec<String> {
    let mut broken = Vec::new();
    let names: Vec<&str> = table.names.iter().map(String::as_str).collect();
    for needed in MANDATORY.iter().chain(&EXPECTED).chain(&providers(version)) {
        if !names.contains(needed) {
            broken.push(format!("there is no column {needed}"));
        }
    }
    let known: HashSet<&str> =
        MANDATORY.iter().chain(&EXPECTED).chain(&OTHERS).chain(&providers(version)).copied().collect();
    let mut seen = HashSet::new();
    let mut is_custom = false;
    for name in names {
        let is_ours = name.starts_with("x_");
        if !is_ours && !known.contains(name) {
            broken.push(format!("{name} is no column of this version"));
        }
        if is_custom && !is_ours {
            broken.push(format!("{name} comes behind a custom column"));
        }
        is_custom = is_ours;
        let pascal = name.trim_start_matches("x_");
        if !pascal.starts_with(|c: char| c.is_ascii_uppercase())
            || !pascal.chars().all(|c| c.is_ascii_alphanumeric())
            || name.len() > 50
        {
            broken.push(format!("{name} is not in PascalCase, or too long"));
        }
        if !seen.insert(name) {
            broken.push(format!("{name} is there twice"));
        }
    }
    broken
}

struct Row<'table> {
    fields: &'table HashMap<String, Option<String>>,
}

impl<'table> Row<'table> {
    fn get(&self, name: &str) -> Option<&'table str> {
        self.fields.get(name).and_then(Option::as_deref)
    }

    fn decimal(&self, name: &str) -> Option<Decimal> {
        self.get(name).and_then(|text| text.parse().ok())
    }

    fn is_unpriced(&self) -> bool {
        self.get("x_Unpriced") == Some("true")
    }

    /// Types, formats and allowed values.
    fn formats(&self, version: Version, broken: &mut Vec<String>) {
        for (name, text) in self.fields.iter().filter_map(|(name, field)| Some((name, field.as_deref()?))) {
            let is_right = match name.as_str() {
                name if DECIMALS.contains(&name) => is_numeric(text),
                name if INSTANTS.contains(&name) => is_instant(text),
                "BillingCurrency" => text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase()),
                "ConsumedUnit" | "PricingUnit" => is_unit(text),
                "Tags" | "SkuPriceDetails" => is_key_values(text, name == "SkuPriceDetails"),
                "x_Unpriced" => ["true", "false"].contains(&text),
                // NullHandling: no placeholder for what is absent; StringHandling: no blanks around it.
                _ => {
                    !["null", "NULL", "N/A", "Not Applicable", "None", "-"].contains(&text)
                        && text.trim() == text
                }
            };
            if !is_right {
                broken.push(format!("{name} is not as it has to be: `{text}`"));
            }
            let allowed = ALLOWED.iter().find(|(column, _)| column == name);
            if allowed.is_some_and(|(_, values)| !values.contains(&text)) {
                broken.push(format!("{name} may not be `{text}`"));
            }
        }
        for name in NEVER_NULL.iter().chain(&providers(version)) {
            if self.get(name).is_none() {
                broken.push(format!("{name} is null"));
            }
        }
        let instant = |name| self.get(name).unwrap_or_default();
        // The format sorts as text does.
        if instant("ChargePeriodStart") >= instant("ChargePeriodEnd") {
            broken.push("the charge period is empty".to_owned());
        }
        let (first, next) = (instant("BillingPeriodStart"), instant("BillingPeriodEnd"));
        if instant("ChargePeriodStart") < first || instant("ChargePeriodStart") >= next {
            broken.push("the charge begins outside of its billing period".to_owned());
        }
    }

    /// Nulls that depend on other columns.
    fn nulls(&self, version: Version, broken: &mut Vec<String>) {
        let is_correction = self.get("ChargeClass") == Some("Correction");
        let is_bought = matches!(self.get("ChargeCategory"), Some("Usage" | "Purchase"));
        let prices = ["ListUnitPrice", "ContractedUnitPrice"];
        if is_bought && !is_correction {
            for name in OF_A_SKU_PRICE.iter().chain(&["SkuId", "SkuMeter"]) {
                let is_excused = self.is_unpriced() && prices.contains(name);
                if self.get(name).is_none() && !is_excused {
                    broken.push(format!("{name} is null"));
                }
            }
        }
        // Of 1.3 and later; kept in 1.2 all the same.
        if self.get("SkuPriceId").is_none() {
            for name in OF_A_SKU_PRICE.iter().chain(&["SkuPriceDetails", "SkuMeter"]) {
                if self.get(name).is_some() {
                    broken.push(format!("{name} is not null, and SkuPriceId is"));
                }
            }
        } else if version == Version::V1_4 && !self.is_unpriced() {
            for name in prices.iter().chain(&["SkuId"]).filter(|name| self.get(name).is_none()) {
                broken.push(format!("{name} is null, and SkuPriceId is not"));
            }
        }
        for (quantity, unit) in [("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit")] {
            if self.get(quantity).is_some() != self.get(unit).is_some() {
                broken.push(format!("{quantity} and {unit} are not null together"));
            }
        }
    }

    /// Amounts: products of prices and quantities, and what an unpriced row may say.
    fn amounts(&self, broken: &mut Vec<String>) {
        let quantity = self.decimal("PricingQuantity");
        for (cost, price) in [("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")] {
            let price = self.decimal(price);
            if price.as_ref().is_some_and(Decimal::is_negative) {
                broken.push(format!("the unit price of {cost} is negative"));
            }
            if let (Some(price), Some(quantity), Some(cost_is)) = (price, &quantity, self.decimal(cost))
                && &price * quantity != cost_is
            {
                broken.push(format!("{cost} is not the product of unit price and quantity"));
            }
        }
        let is_agreed = self.get("x_PricingSource").is_some_and(|source| source.contains("override"));
        if !is_agreed && self.decimal("ListCost") != self.decimal("ContractedCost") {
            broken.push("nothing is negotiated, and ContractedCost is not ListCost".to_owned());
        }
        let zero = Some(Decimal::ZERO);
        let billed = self.decimal("BilledCost");
        if billed != zero && billed != self.decimal("EffectiveCost") {
            broken.push("BilledCost is neither 0 nor the effective cost".to_owned());
        }
        if self.is_unpriced() {
            let is_zero = ["ListCost", "ContractedCost", "EffectiveCost"]
                .into_iter()
                .all(|name| self.decimal(name) == zero);
            let is_visible = self.get("x_CostConfidence") == Some("unknown")
                && self.get("ChargeDescription").is_some_and(|text| text.contains("no price is known"))
                && self.get("ListUnitPrice").is_none();
            if !is_zero || !is_visible {
                broken.push("the row does not say well that it has no price".to_owned());
            }
        }
    }
}

/// SkuPriceId has one SkuId, and its details are the same everywhere.
fn parents(table: &Table) -> Vec<String> {
    let mut seen: HashMap<&str, (Option<&str>, Option<&str>)> = HashMap::new();
    let mut broken = Vec::new();
    for row in &table.rows {
        let row = Row { fields: row };
        let Some(id) = row.get("SkuPriceId") else { continue };
        let facts = (row.get("SkuId"), row.get("SkuPriceDetails"));
        if *seen.entry(id).or_insert(facts) != facts {
            broken.push(format!("{id} has two parents, or two details"));
        }
    }
    broken
}

/// NumericFormat: digits, one point, a sign only when negative, `mEn`.
fn is_numeric(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let unsigned = |text: &str| {
        let text = text.strip_prefix('-').unwrap_or(text);
        match text.split_once('.') {
            Some((whole, fraction)) => digits(whole) && digits(fraction),
            None => digits(text),
        }
    };
    match text.split_once('E') {
        Some((mantissa, exponent)) => {
            unsigned(mantissa) && digits(exponent.strip_prefix('-').unwrap_or(exponent))
        }
        None => unsigned(text),
    }
}

/// DateTimeFormat: `YYYY-MM-DDTHH:mm:ssZ`, and a date that exists.
fn is_instant(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:ddZ";
    let fits = |(c, shape): (char, char)| if shape == 'd' { c.is_ascii_digit() } else { c == shape };
    text.len() == shape.len()
        && text.chars().zip(shape.chars()).all(fits)
        && text.parse::<vg_core::price::Timestamp>().is_ok()
}

/// UnitFormat: a plural, capitalised, perhaps after a positive whole number.
fn is_unit(text: &str) -> bool {
    let (quantity, unit) = match text.split_once(' ') {
        Some((quantity, unit)) => (Some(quantity), unit),
        None => (None, text),
    };
    quantity.is_none_or(|quantity| quantity.parse::<u64>().is_ok_and(|quantity| quantity > 0))
        && ["Tokens", "Characters", "Seconds", "Minutes", "Requests"].contains(&unit)
}

/// KeyValueFormat: a JSON object of plain values; properties of a price that are not FOCUS's begin with `x_`.
fn is_key_values(text: &str, is_custom: bool) -> bool {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_str(text) else { return false };
    members
        .iter()
        .all(|(key, value)| !value.is_array() && !value.is_object() && (!is_custom || key.starts_with("x_")))
}
