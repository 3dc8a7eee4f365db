"""Extraction, 2-shot, chat: an instruct model fills a JSON schema from a text, with null for what is not said.

Data      made here: 4,096 train rows, 512 validation rows, 512 test rows of 7 kinds of text (orders, appointments,
          receipts, contacts, hotel bookings, job offers, measurements), each with its schema; no text in two splits.
          Or --dataset_path: your own files, a folder with train and test, columns text, schema, answer
Policy    Qwen/Qwen2.5-0.5B-Instruct, NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   correct_json decides, and pays a part for each right field; valid_json only breaks ties early on
Expected  not yet measured: no run of this recipe has been recorded
"""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rewards import correct_json, valid_json
from rlvr_recipes import Case, Recipe, UserError, data, prompts
from rlvr_recipes.recipe import Row

SPLITS = {"test": (3, 512), "validation": (2, 512), "train": (1, 4096)}  # seed, rows; train takes what the others left
VALIDATION_ROWS = 64  # the last rows of somebody's train
SYSTEM = "Fill the JSON schema from the text. Answer with the JSON object only; null for what the text does not say."

Schema: TypeAlias = dict[str, Any]
Filled: TypeAlias = tuple[str, dict[str, Any]]  # a text, and what it says

FIRST = "Ada Ben Cleo Dan Eva Finn Gina Hugo Ida Jon Kim Leo Mia Ned Ola Pia".split()
LAST = "Adler Brandt Costa Dietz Ekman Ferro Grau Holm Iwata Jung Kumar Lund Moro Nagy Okoye Petit".split()
CITIES = "Oslo Rome Lima Cairo Delhi Kyoto Quito Porto Turin Malmo Basel Lyon Gdansk Seoul Dakar Perth".split()
GOODS = ["desk lamp", "tea pot", "note book", "garden hose", "wool scarf", "bread knife", "wall clock", "bike pump"]
FOODS = "bread milk rice apples cheese coffee honey onions lentils butter".split()
JOBS = ["data analyst", "night nurse", "truck driver", "pastry chef", "site engineer", "Latin teacher"]

TEXT, WHOLE, NUMBER, TRUTH = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
MAYBE = {"type": ["string", "null"]}
DATE, TIME = {**TEXT, "description": "YYYY-MM-DD"}, {**TEXT, "description": "HH:MM"}


def form(**properties: Schema) -> Schema:
    """The schema of an object with just these fields."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(**properties: Schema) -> Schema:
    return {"type": "array", "items": form(**properties)}


def person(rng: random.Random) -> str:
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def day(rng: random.Random) -> str:
    return f"2027-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def clock(rng: random.Random) -> str:
    return f"{rng.randint(7, 20):02}:{rng.choice(['00', '15', '30', '45'])}"


def price(rng: random.Random, most: int = 90) -> float:
    return rng.randint(100, most * 100) / 100


def order(rng: random.Random) -> Filled:
    name, express = person(rng), rng.random() < 0.5
    items = [
        {"product": product, "quantity": rng.randint(1, 12), "price": price(rng)}
        for product in rng.sample(GOODS, rng.randint(1, 3))
    ]
    lines = ", ".join(f"{item['quantity']} x {item['product']} at {item['price']:.2f}" for item in items)
    number = rng.randint(1000, 9999)
    text = rng.choice([
        f"Order {number} by {name}: {lines}. {'Express' if express else 'Standard'} delivery.",
        f"{name} would like {lines}, please. {'It is urgent, send it express.' if express else 'There is no hurry.'}",
    ])  # fmt: skip
    return text, {"customer": name, "items": items, "express": express}


def appointment(rng: random.Random) -> Filled:
    name, date, time = person(rng), day(rng), clock(rng)
    place = rng.choice([None, f"gate {rng.randint(1, 40)}", f"Cafe {rng.choice(LAST)}"])
    where = f" at {place}" if place else ""
    text = rng.choice([
        f"Please meet {name} on {date} at {time}{where}. It moved, so forget the old slot on {day(rng)}.",
        f"{name} is free on {date}. Let us talk{where} at {time}, for {rng.choice([30, 45, 60])} minutes or so.",
    ])  # fmt: skip
    return text, {"person": name, "date": date, "time": time, "place": place}


def receipt(rng: random.Random) -> Filled:
    shop, paid_by = f"{rng.choice(LAST)} & Co", rng.choice(["cash", "card"])
    items = [{"name": name, "cents": rng.randint(50, 1500)} for name in rng.sample(FOODS, rng.randint(2, 4))]
    total = sum(item["cents"] for item in items)
    lines = "\n".join(f"{item['name']} {item['cents'] / 100:.2f}" for item in items)
    ending = {"cash": f"CASH {(total // 500 + 1) * 5:.2f}\nCHANGE {(500 - total % 500) / 100:.2f}", "card": "CARD"}
    text = f"{shop}, {rng.choice(CITIES)}\n{lines}\nTOTAL {total / 100:.2f}\n{ending[paid_by]}"
    sold = [{"name": item["name"], "price": item["cents"] / 100} for item in items]
    return text, {"shop": shop, "items": sold, "total": total / 100, "paid_by": paid_by}


def contact(rng: random.Random) -> Filled:
    first, last, city = rng.choice(FIRST), rng.choice(LAST), rng.choice(CITIES)
    email = rng.choice([None, f"{first}.{last}@mail.example".lower()])
    phone = rng.choice([None, f"0{rng.randint(10, 99)}-{rng.randint(100000, 999999)}"])
    ways = [f"by mail at {email}"] * (email is not None) + [f"by phone at {phone}"] * (phone is not None)
    reach = f"You reach me {' or '.join(ways)}." if ways else "I have no phone yet, just come by."
    text = rng.choice([
        f"Hi, I am {first} {last} and I just moved to {city}. {reach}",
        f"{first} {last}, {city}. {reach} My brother {rng.choice(FIRST)} says hello.",
    ])  # fmt: skip
    return text, {"name": f"{first} {last}", "city": city, "email": email, "phone": phone}


def booking(rng: random.Random) -> Filled:
    guest, hotel, arrival = person(rng), f"Hotel {rng.choice(CITIES)}", day(rng)
    nights, breakfast = rng.randint(1, 14), rng.random() < 0.5
    text = rng.choice([
        f"{hotel} confirms: {guest}, {nights} nights from {arrival}, {'with' if breakfast else 'without'} breakfast.",
        f"This is {guest}. I arrive at {hotel} on {arrival} and stay {nights} nights. "
        f"{'Breakfast for one, please.' if breakfast else 'I need no breakfast.'}",
    ])  # fmt: skip
    return text, {"guest": guest, "hotel": hotel, "arrival": arrival, "nights": nights, "breakfast": breakfast}


def job(rng: random.Random) -> Filled:
    title, company, city = rng.choice(JOBS), f"{rng.choice(LAST)} {rng.choice(LAST)} Ltd", rng.choice(CITIES)
    remote, currency, amount = rng.random() < 0.5, rng.choice("EUR USD GBP".split()), rng.randint(24, 95) * 1000
    text = rng.choice([
        f"{company} ({city}) seeks a {title}, {amount} {currency} a year. "
        f"{'You may work from home.' if remote else 'You work on site.'}",
        f"Wanted in {city}: {title}. {'Fully remote.' if remote else 'No remote work.'} "
        f"We pay {currency} {amount} and 30 days of leave. {company}",
    ])  # fmt: skip
    return text, {
        "title": title,
        "company": company,
        "city": city,
        "salary": {"amount": amount, "currency": currency},
        "remote": remote,
    }


def measurements(rng: random.Random) -> Filled:
    station = f"{rng.choice(CITIES)} {rng.choice(['harbor', 'airport', 'hill'])}"
    times = sorted({clock(rng) for _ in range(rng.randint(2, 4))})
    readings = [{"time": time, "temperature": rng.randint(-200, 350) / 10} for time in times]
    said = "; ".join(f"{reading['time']} {reading['temperature']} C" for reading in readings)
    text = f"Log of {station}, wind {rng.randint(0, 60)} km/h. {said}. Battery {rng.randint(20, 99)}%."
    return text, {"station": station, "readings": readings}


SALARY = form(amount=WHOLE, currency=TEXT)
KINDS: Sequence[tuple[Callable[[random.Random], Filled], Schema]] = [
    (order, form(customer=TEXT, items=listed(product=TEXT, quantity=WHOLE, price=NUMBER), express=TRUTH)),
    (appointment, form(person=TEXT, date=DATE, time=TIME, place=MAYBE)),
    (
        receipt,
        form(shop=TEXT, items=listed(name=TEXT, price=NUMBER), total=NUMBER, paid_by={"enum": ["cash", "card"]}),
    ),
    (contact, form(name=TEXT, city=TEXT, email=MAYBE, phone=MAYBE)),
    (booking, form(guest=TEXT, hotel=TEXT, arrival=DATE, nights=WHOLE, breakfast=TRUTH)),
    (job, form(title=TEXT, company=TEXT, city=TEXT, salary=SALARY, remote=TRUTH)),
    (measurements, form(station=TEXT, readings=listed(time=TIME, temperature=NUMBER))),
]


def made(split: str) -> list[Row]:
    """Rows of our own; a text drawn for an earlier split is drawn again."""
    seen: set[str] = set()
    for name, (seed, size) in SPLITS.items():
        rng, found = random.Random(seed), []
        while len(found) < size:
            draw, schema = rng.choice(KINDS)
            text, filled = draw(rng)
            if text not in seen:
                seen.add(text)
                found.append({"text": text, "schema": json.dumps(schema), "answer": json.dumps(filled)})
        if name == split:
            return found
    raise KeyError(split)


def read(record: data.Record, place: str) -> Row:
    """A row of somebody's data, its schema and answer as JSON text.

    Raises:
        UserError: the schema cannot be used, or the answer does not keep to it.
    """
    text, *cells = (data.column(record, name, place) for name in ("text", "schema", "answer"))
    schema, answer = (cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False) for cell in cells)
    try:
        correct_json([""], schema=[schema], answer=[answer])
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error
    return {"text": str(text), "schema": schema, "answer": answer}


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """Rows with `text`, `schema` and `answer`; our own where no data set is named."""
    if dataset_path is None:
        return made(split)
    stem = "test" if split == "test" else "train"
    found = [read(record, place) for place, record in data.records(stem, dataset_path)]
    return found if split == "test" else data.held_out(found, split, VALIDATION_ROWS)


def asked(schema: str, text: str) -> str:
    return f"Schema:\n{schema}\n\nText: {text}"


def prompt(row: Row, exemplars: prompts.Exemplars) -> list[dict[str, str]]:
    return prompts.chat(SYSTEM, exemplars, asked(row["schema"], row["text"]))


EVENT = json.dumps(form(name=TEXT, date=DATE, guests=WHOLE, host=MAYBE))
PARCEL = json.dumps(form(code=TEXT, weight=NUMBER, stops=listed(city=TEXT, time=TIME), fragile=TRUTH))
FAIR = {"schema": EVENT, "answer": '{"name": "Spring fair", "date": "2027-04-09", "guests": 80, "host": null}'}
WAY = {
    "schema": PARCEL,
    "answer": '{"code": "0047", "weight": 2.5, "stops": [{"city": "Bonn", "time": "08:15"}, '
    '{"city": "Kiel", "time": "13:40"}], "fragile": true}',
}

RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B-Instruct",
    rows=rows,
    prompt=prompt,
    exemplars=[
        (asked(EVENT, "Spring fair, 2027-04-09. So far 80 guests have said yes."), FAIR["answer"]),
        (
            asked(PARCEL, "Parcel 0047, 2.5 kg, fragile. Bonn 08:15, Kiel 13:40, then out of our hands."),
            WAY["answer"],
        ),
    ],
    shots=2,
    rewards={correct_json: 1.0, valid_json: 0.1},
    config={"max_completion_length": 256, "max_steps": 300},
    cases=[
        Case(FAIR["answer"], **FAIR, correct_json=1.0, valid_json=1.0),
        Case(WAY["answer"], **WAY, correct_json=1.0, valid_json=1.0),
        Case(f"```json\n{WAY['answer']}\n```", **WAY, correct_json=1.0, valid_json=1.0),
        Case(WAY["answer"].replace("2.5", "2.50"), **WAY, correct_json=1.0, valid_json=1.0),
        Case(FAIR["answer"].replace("80", "81"), **FAIR, correct_json=0.625, valid_json=1.0),
        Case(FAIR["answer"].replace("null", '"Ada"'), **FAIR, correct_json=0.625, valid_json=1.0),
        Case(WAY["answer"].replace('"0047"', "47"), **WAY, correct_json=0.0, valid_json=1.0),
        Case(FAIR["answer"].replace(', "host": null', ""), **FAIR, correct_json=0.0, valid_json=1.0),
        Case(FAIR["answer"].replace("{", '{"theme": "spring", '), **FAIR, correct_json=0.0, valid_json=1.0),
        Case(f"{FAIR['answer']}\n{FAIR['answer'].replace('80', '81')}", **FAIR, correct_json=0.0, valid_json=0.0),
        Case(f"```json\n{FAIR['answer']}\n```\nNo, 81 guests.", **FAIR, correct_json=0.0, valid_json=0.0),
    ],
)
