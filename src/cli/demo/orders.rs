//! The life of orders in a shop: placed, paid, shipped, completed, sometimes refunded.

use super::workload::{Item, Workload, push_decimal};

/// An order's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Placed,
    Paid,
    Shipped,
    Completed,
    Refunded,
}

/// How most orders go, and how they end otherwise.
const LIVES: [&[Event]; 3] = [
    &[Event::Placed, Event::Paid, Event::Shipped, Event::Completed],
    &[
        Event::Placed,
        Event::Paid,
        Event::Shipped,
        Event::Completed,
        Event::Refunded,
    ],
    &[Event::Placed, Event::Paid, Event::Refunded],
];

const KEY_PREFIX: &[u8] = b"ord-";
const KEY_DIGITS: usize = 10;

const PRODUCTS: [&str; 8] = [
    "Espresso beans, 1 kg",
    "Merino socks, pack of 3",
    "Bicycle lamp, rechargeable",
    "Paring knife, 9 cm",
    "Notebook, dotted, A5",
    "Hiking bottle, 0.75 l",
    "Desk lamp, oak",
    "Wool blanket, 140 x 200",
];
const COUNTRIES: [&str; 6] = ["AT", "DE", "FR", "IT", "NL", "PL"];
const METHODS: [&str; 4] = ["card", "bank_transfer", "wallet", "invoice"];
const CARRIERS: [&str; 4] = ["post", "parcel-express", "cargo-bike", "pickup-point"];
const REASONS: [&str; 4] = ["damaged", "too late", "changed mind", "wrong item"];

/// A number of orders; the last one may be cut short to reach an exact number of records.
#[derive(Debug)]
pub(super) struct Orders {
    orders: u32,
    records: u64,
    last_steps: u32,
}

impl Orders {
    /// All events of so many orders.
    pub(super) fn with_orders(orders: u32) -> Self {
        Self {
            orders,
            records: (0..orders).map(|order| u64::from(life_steps(order))).sum(),
            last_steps: orders.checked_sub(1).map_or(0, life_steps),
        }
    }

    /// As many orders as make exactly so many records, at most `u32::MAX` orders.
    pub(super) fn with_records(records: u64) -> Self {
        let (mut orders, mut made, mut last_steps) = (0, 0, 0);
        while made < records && orders < u32::MAX {
            last_steps = u64::from(life_steps(orders)).min(records - made) as u32;
            made += u64::from(last_steps);
            orders += 1;
        }
        Self {
            orders,
            records: made,
            last_steps,
        }
    }
}

impl Workload for Orders {
    fn entities(&self) -> u32 {
        self.orders
    }

    fn steps(&self, entity: u32) -> u32 {
        if entity + 1 == self.orders {
            return self.last_steps;
        }
        life_steps(entity)
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn noun(&self) -> &'static str {
        "order"
    }

    fn write_key(&self, entity: u32, key: &mut Vec<u8>) {
        key.clear();
        push_key(key, entity);
    }

    fn entity_of(&self, key: &[u8]) -> Option<u32> {
        let digits = key.strip_prefix(KEY_PREFIX)?;
        if digits.len() != KEY_DIGITS {
            return None;
        }
        let mut number = 0u64;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + u64::from(digit - b'0');
        }
        let order = u32::try_from(number).ok()?;
        (order < self.orders).then_some(order)
    }

    fn write_value(&self, item: Item, at_ms: i64, value: &mut Vec<u8>) {
        value.clear();
        let life = life(item.entity);
        let Some(event) = life.get(item.step as usize) else {
            return;
        };
        let mut json = Json(value);
        json.raw("{\"order_id\":\"");
        push_key(json.0, item.entity);
        json.raw("\",\"step\":");
        json.number(u64::from(item.step));
        json.raw(",\"at_ms\":");
        json.number(at_ms.unsigned_abs());
        // The order's facts come from one seed, so that later events repeat them.
        let mut rng = fastrand::Rng::with_seed(seed(item.entity, 0));
        let facts = Facts::draw(&mut rng);
        let mut rng_event = fastrand::Rng::with_seed(seed(item.entity, item.step + 1));
        match event {
            Event::Placed => placed(&mut json, &facts, &mut rng),
            Event::Paid => paid(&mut json, &facts, &mut rng_event),
            Event::Shipped => shipped(&mut json, &facts, &mut rng_event),
            Event::Completed => completed(&mut json, &mut rng_event),
            Event::Refunded => refunded(&mut json, &facts, &mut rng_event),
        }
        json.raw("}");
    }
}

/// What all events of an order agree on.
struct Facts {
    customer: u64,
    country: usize,
    items: u64,
    total_cents: u64,
}

impl Facts {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        Self {
            customer: rng.u64(..2_000_000),
            country: rng.usize(..COUNTRIES.len()),
            items: rng.u64(1..=3),
            total_cents: rng.u64(500..40_000),
        }
    }
}

fn placed(json: &mut Json<'_>, facts: &Facts, rng: &mut fastrand::Rng) {
    json.raw(",\"event\":\"placed\",\"customer\":{\"id\":\"cus-");
    push_decimal(json.0, facts.customer, 8);
    json.text("\",\"country\":\"", pick(&COUNTRIES, facts.country));
    json.raw("\"},\"currency\":\"EUR\",\"items\":[");
    let mut rest_cents = facts.total_cents;
    for item in 0..facts.items {
        if item > 0 {
            json.raw(",");
        }
        let last = item + 1 == facts.items;
        let cents = if last {
            rest_cents
        } else {
            rng.u64(..=rest_cents)
        };
        rest_cents -= cents;
        json.raw("{\"sku\":\"SKU-");
        push_decimal(json.0, rng.u64(..1_000_000), 6);
        json.text(
            "\",\"name\":\"",
            pick(&PRODUCTS, rng.usize(..PRODUCTS.len())),
        );
        json.raw("\",\"quantity\":");
        json.number(rng.u64(1..=4));
        json.raw(",\"cents\":");
        json.number(cents);
        json.raw("}");
    }
    json.raw("],\"total_cents\":");
    json.number(facts.total_cents);
}

fn paid(json: &mut Json<'_>, facts: &Facts, rng: &mut fastrand::Rng) {
    json.raw(",\"event\":\"paid\",\"payment\":{\"method\":\"");
    json.text("", pick(&METHODS, rng.usize(..METHODS.len())));
    json.raw("\",\"reference\":\"pay_");
    json.hex(rng.u64(..));
    json.raw("\",\"amount_cents\":");
    json.number(facts.total_cents);
    json.raw(",\"currency\":\"EUR\"},\"risk_score\":");
    json.number(rng.u64(..100));
}

fn shipped(json: &mut Json<'_>, facts: &Facts, rng: &mut fastrand::Rng) {
    json.text(
        ",\"event\":\"shipped\",\"carrier\":\"",
        pick(&CARRIERS, rng.usize(..CARRIERS.len())),
    );
    json.raw("\",\"tracking\":\"");
    json.hex(rng.u64(..));
    json.text("\",\"to\":\"", pick(&COUNTRIES, facts.country));
    json.raw("\",\"parcels\":");
    json.number(facts.items);
    json.raw(",\"weight_g\":");
    json.number(rng.u64(150..20_000));
    json.raw(",\"warehouse\":\"wh-");
    push_decimal(json.0, rng.u64(1..40), 3);
    json.raw("\"");
}

fn completed(json: &mut Json<'_>, rng: &mut fastrand::Rng) {
    json.raw(",\"event\":\"completed\",\"signed\":");
    json.raw(if rng.bool() { "true" } else { "false" });
    json.raw(",\"handover\":\"");
    json.raw(if rng.u8(..) < 200 {
        "recipient"
    } else {
        "neighbour"
    });
    json.raw("\",\"days\":");
    json.number(rng.u64(1..9));
}

fn refunded(json: &mut Json<'_>, facts: &Facts, rng: &mut fastrand::Rng) {
    json.text(
        ",\"event\":\"refunded\",\"reason\":\"",
        pick(&REASONS, rng.usize(..REASONS.len())),
    );
    json.raw("\",\"amount_cents\":");
    json.number(facts.total_cents);
    json.raw(",\"reference\":\"ref_");
    json.hex(rng.u64(..));
    json.raw("\"");
}

/// Appends JSON; none of the texts needs escaping.
struct Json<'a>(&'a mut Vec<u8>);

impl Json<'_> {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, before: &str, text: &str) {
        self.raw(before);
        self.raw(text);
    }

    fn number(&mut self, number: u64) {
        push_decimal(self.0, number, 1);
    }

    fn hex(&mut self, number: u64) {
        for shift in (0..16).rev() {
            let digit = (number >> (4 * shift) & 0xf) as u8;
            self.0.push(if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            });
        }
    }
}

fn pick<'a>(from: &[&'a str], place: usize) -> &'a str {
    from.get(place).copied().unwrap_or_default()
}

fn push_key(out: &mut Vec<u8>, order: u32) {
    out.extend_from_slice(KEY_PREFIX);
    push_decimal(out, u64::from(order), KEY_DIGITS);
}

/// One order in 20 comes back, one in 33 is never sent.
fn life(order: u32) -> &'static [Event] {
    let place = match seed(order, 0) % 100 {
        0..5 => 1,
        5..8 => 2,
        _ => 0,
    };
    LIVES.get(place).copied().unwrap_or_default()
}

fn life_steps(order: u32) -> u32 {
    life(order).len() as u32
}

/// Well-mixed bits of an order and a step (the finalizer of splitmix64).
const fn seed(order: u32, step: u32) -> u64 {
    let mut bits = ((order as u64) << 32 | step as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(orders: &Orders, entity: u32, step: u32) -> serde_json::Value {
        let mut value = Vec::new();
        orders.write_value(Item { entity, step }, 1_795_168_800_000, &mut value);
        serde_json::from_slice(&value).expect("the value is JSON")
    }

    #[test]
    fn events_are_json_and_agree_about_their_order() {
        let orders = Orders::with_orders(500);
        let mut events = std::collections::BTreeSet::new();
        for entity in 0..500 {
            let first = value(&orders, entity, 0);
            assert_eq!(first["event"], "placed");
            let items = first["items"].as_array().expect("items");
            let sum: u64 = items.iter().filter_map(|item| item["cents"].as_u64()).sum();
            assert_eq!(first["total_cents"].as_u64(), Some(sum));
            for step in 0..orders.steps(entity) {
                let event = value(&orders, entity, step);
                assert_eq!(event["step"], step);
                assert_eq!(event["order_id"], first["order_id"]);
                events.insert(event["event"].as_str().map(str::to_owned));
            }
            assert_eq!(value(&orders, entity, 1)["payment"]["amount_cents"], sum);
        }
        assert_eq!(events.len(), 5);
    }

    #[test]
    fn keys_name_their_orders() {
        let orders = Orders::with_orders(100);
        let mut key = Vec::new();
        orders.write_key(42, &mut key);
        assert_eq!(key, b"ord-0000000042");
        assert_eq!(orders.entity_of(&key), Some(42));
        for bad in [
            "ord-0000000100",
            "ord-42",
            "x",
            "ord-00000000x2",
            "ord-9999999999",
        ] {
            assert_eq!(orders.entity_of(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_number_of_records_is_exact() {
        for records in [0, 1, 3, 4, 1000, 1001] {
            let orders = Orders::with_records(records);
            let steps: u64 = (0..orders.entities())
                .map(|order| u64::from(orders.steps(order)))
                .sum();
            assert_eq!((steps, orders.records()), (records, records));
        }
        let orders = Orders::with_orders(10_000);
        assert!((39_000..42_000).contains(&orders.records()), "{orders:?}");
    }
}
